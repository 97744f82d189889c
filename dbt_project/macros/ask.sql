{# The only row of a query asked while the model is being built; nothing when the project is only parsed. #}
{% macro ask(query) %}
    {%- if execute -%}
    {%- do return(run_query(query).rows[0]) -%}
    {%- endif -%}
    {%- do return([false, false]) -%}
{% endmacro %}
