{#
  Incremental models without dbt-duckdb's questions after columns, twelve statements a model: what they guard against, a
  model whose columns changed, is a changed project, which is built in full, and there dbt-duckdb's own way is taken.

  With a unique_key the rows replace those of the same key, else they are added.
#}
{% materialization incremental, adapter="duckdb" %}
  {%- if not is_incremental() -%}
    {%- do return(dbt.materialization_incremental_duckdb()) -%}
  {%- endif -%}
  {%- if config.get('unique_key') -%}
    {{ return(write_rows(replace_rows(config.get('unique_key'), config.get('meta', {}).get('remembers')))) }}
  {%- endif -%}
  {{ return(write_rows('insert into ' ~ this ~ ' by name ' ~ compiled_code)) }}
{% endmaterialization %}

{#
  A table that is there is emptied and filled again, in one transaction, instead of made beside, renamed and dropped.
#}
{% materialization table, adapter="duckdb" %}
  {%- set existing = load_cached_relation(this) -%}
  {%- if existing is none or existing.type != 'table' or should_full_refresh() -%}
    {%- do return(dbt.materialization_table_duckdb()) -%}
  {%- endif -%}
  {{ return(write_rows('delete from ' ~ this ~ ';\ninsert into ' ~ this ~ ' by name ' ~ compiled_code)) }}
{% endmaterialization %}

{# The hooks and the statements that write the model's table, in one transaction. #}
{% macro write_rows(statements) %}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') %}{{ statements }}{% endcall %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmacro %}

{#
  The model's rows in the place of those with the same key, which are looked for once.

  remembers   {entity, references}: rows of other tables that a replaced row named and its successor does not are
              remembered for the models that depend on them
#}
{% macro replace_rows(key, remembers=none) %}
  {%- set written = this.identifier ~ '__written' -%}
  {%- set replaced = this.identifier ~ '__replaced' -%}
  {%- set references = remembers.references if remembers else [] -%}
create or replace temp table {{ written }} as {{ compiled_code }};
create or replace temp table {{ replaced }} as
select
    {{ place('t') }} as place,
    {%- for column in (['source_relation'] + references if references else []) %}
    t.{{ column }},
    {%- endfor %}
    t.{{ key }}
from {{ this }} as t
where {{ is_one_of_few(this, 't.' ~ key ~ ' in (select w.' ~ key ~ ' from ' ~ written ~ ' as w)') }};
  {%- if references %}
  {%- set leaving = replaced ~ ' as t inner join ' ~ written ~ ' as w on w.' ~ key ~ ' = t.' ~ key ~ ' where true' %}
{{ leave_behind(remembers.entity, references, leaving, successor='w') }};
  {%- endif %}
delete from {{ this }} as t where {{ place('t') }} in (select r.place from {{ replaced }} as r);
insert into {{ this }} by name select * from {{ written }}
{% endmacro %}
