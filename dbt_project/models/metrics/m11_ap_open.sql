{{ config(materialized='table', tags=['daily']) }}

{{ open_amount_metric('M11', 'mart_ap_aging') }}
