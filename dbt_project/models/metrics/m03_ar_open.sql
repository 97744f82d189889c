{{ config(materialized='table', tags=['daily']) }}

{{ open_amount_metric('M03', 'mart_ar_aging') }}
