{{ config(materialized='table', tags=['daily']) }}

{{ aging('receivable', 'customer') }}
