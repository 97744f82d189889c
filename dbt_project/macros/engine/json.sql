{# A value of a JSON object as text. #}
{% macro json_text(column, name) %}{{ return(adapter.dispatch('json_text')(column, name)) }}{% endmacro %}

{% macro duckdb__json_text(column, name) %}{{ return("json_extract_string(" ~ column ~ ", '$." ~ name ~ "')") }}{% endmacro %}

{% macro spark__json_text(column, name) %}{{ return("get_json_object(" ~ column ~ ", '$." ~ name ~ "')") }}{% endmacro %}
