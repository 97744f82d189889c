{{ config(materialized='table', tags=['daily']) }}

{{ days_outstanding_metric('M12', 'm11_ap_open', 'payable') }}
