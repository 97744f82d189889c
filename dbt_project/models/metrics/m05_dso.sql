{{ config(materialized='table', tags=['daily']) }}

{{ days_outstanding_metric('M05', 'm03_ar_open', 'receivable') }}
