{# The build being made and the one readers see. Literals, so that DuckDB prunes row groups by _generation. #}

{% macro generation() -%} cast({{ var('generation') }} as bigint) {%- endmacro %}

{% macro published_generation() -%} cast({{ var('published_generation') }} as bigint) {%- endmacro %}

{% macro as_of() -%} cast('{{ var("as_of") }}' as timestamptz) {%- endmacro %}

{% macro as_of_date() -%} cast(timezone('UTC', {{ as_of() }}) as date) {%- endmacro %}

{% macro published_as_of() -%} cast('{{ var("published_as_of") }}' as timestamptz) {%- endmacro %}

{% macro published_as_of_date() -%} cast(timezone('UTC', {{ published_as_of() }}) as date) {%- endmacro %}

{# Condition: the row was written by a build readers do not see yet. #}
{% macro is_new(column='_generation') -%} {{ column }} > {{ published_generation() }} {%- endmacro %}
