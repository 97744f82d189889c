{{ config(materialized='table', tags=['daily']) }}

{{ aging('payable', 'vendor') }}
