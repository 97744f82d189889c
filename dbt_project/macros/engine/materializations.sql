{#
  Incremental models without dbt-duckdb's questions after columns, twelve statements a model: what they guard against, a
  model whose columns changed, is a changed project, which is built in full, and there dbt-duckdb's own way is taken.

  With a unique_key the rows replace those of the same key, else they are added. One transaction with the hooks.
#}
{% materialization incremental, adapter="duckdb" %}
  {%- if not is_incremental() -%}
    {%- do return(dbt.materialization_incremental_duckdb()) -%}
  {%- endif -%}
  {%- set key = config.get('unique_key') -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') -%}
    {%- if key -%}
    create or replace temp table {{ this.identifier }}__written as {{ compiled_code }};
    delete from {{ this }} where {{ key }} in (select {{ key }} from {{ this.identifier }}__written);
    insert into {{ this }} by name select * from {{ this.identifier }}__written
    {%- else -%}
    insert into {{ this }} by name {{ compiled_code }}
    {%- endif -%}
  {%- endcall %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{#
  A table that is there is emptied and filled again, in one transaction, instead of made beside, renamed and dropped.
#}
{% materialization table, adapter="duckdb" %}
  {%- set existing = load_cached_relation(this) -%}
  {%- if existing is none or existing.type != 'table' or should_full_refresh() -%}
    {%- do return(dbt.materialization_table_duckdb()) -%}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {% call statement('main') -%}
    delete from {{ this }};
    insert into {{ this }} by name {{ compiled_code }}
  {%- endcall %}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {% do adapter.commit() %}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
