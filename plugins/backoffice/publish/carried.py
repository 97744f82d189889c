"""What administrators hung on a published table, as the statements that hang it on the one that takes its place.

Grants (of columns too), row policies, triggers, rules, constraints, indexes, extended statistics, storage options,
replica identity and membership in logical publications. The default privileges of the schema are taken off first:
what the old table did not grant, the new one does not.
"""

from __future__ import annotations

from typing import Any

from backoffice.publish.model import PublishedModel
from backoffice.publish.session import Connection
from backoffice.publish.tables import ExistingTable, index_name

_DEFAULTS = """
SELECT DISTINCT CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
FROM pg_default_acl d CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x
WHERE d.defaclobjtype = 'r' AND x.grantee <> d.defaclrole
"""

_GRANTS = """
SELECT format('GRANT %%s%%s ON %%I.%%I TO %%s%%s', x.privilege_type, ' (' || quote_ident(x.attname) || ')', n.nspname,
              c.relname, CASE WHEN x.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
              CASE WHEN x.is_grantable THEN ' WITH GRANT OPTION' END)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT NULL::name AS attname, a.* FROM aclexplode(c.relacl) AS a
    UNION ALL
    SELECT t.attname, a.* FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) AS a
    WHERE t.attrelid = c.oid AND NOT t.attisdropped AND (%(columns)s::text[] IS NULL OR t.attname = ANY (%(columns)s))
) AS x
WHERE c.oid = %(oid)s AND x.grantee <> c.relowner
"""

_POLICIES = """
SELECT format('CREATE POLICY %%I ON %%I.%%I AS %%s FOR %%s TO %%s%%s%%s', p.policyname, p.schemaname, p.tablename,
              p.permissive, p.cmd,
              (SELECT string_agg(CASE r WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(r) END, ', ')
               FROM unnest(p.roles) r),
              ' USING (' || p.qual || ')', ' WITH CHECK (' || p.with_check || ')')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_policies p ON p.schemaname = n.nspname AND p.tablename = c.relname
WHERE c.oid = %(oid)s
UNION ALL
SELECT format('ALTER TABLE %%I.%%I %%s ROW LEVEL SECURITY', n.nspname, c.relname, word)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN (VALUES ('ENABLE'), ('FORCE')) AS words (word)
WHERE c.oid = %(oid)s AND CASE word WHEN 'ENABLE' THEN c.relrowsecurity ELSE c.relforcerowsecurity END
"""

_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = %(oid)s AND NOT i.indisprimary AND c.relname <> ALL (%(ours)s) AND NOT EXISTS (
    SELECT FROM pg_attribute a
    WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname <> ALL (%(columns)s)
) AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('u', 'x'))
"""

_COMMENTS = """
SELECT CASE WHEN d.objsubid = 0 THEN format('COMMENT ON VIEW %%I.%%I IS %%L', n.nspname, c.relname, d.description)
            ELSE format('COMMENT ON COLUMN %%I.%%I.%%I IS %%L', n.nspname, c.relname, a.attname, d.description) END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid
WHERE c.oid = %(oid)s
"""

_CONSTRAINTS = """
SELECT format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s', n.nspname, c.relname, k.conname,
              pg_get_constraintdef(k.oid))
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = %(oid)s AND (k.contype IN ('c', 'u', 'x', 'f') OR k.contype = 'n' AND EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        AND a.attname = ANY (%(columns)s) AND a.attname <> %(key)s))
ORDER BY k.contype, k.conname
"""

_TRIGGERS = """
SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE t.tgrelid = %(oid)s AND NOT t.tgisinternal
UNION ALL
SELECT format('ALTER TABLE %%I.%%I %%s TRIGGER %%I', n.nspname, c.relname,
              CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END,
              t.tgname)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgrelid = %(oid)s AND NOT t.tgisinternal AND t.tgenabled <> 'O'
"""

_RULES = """
SELECT pg_get_ruledef(r.oid) FROM pg_rewrite r WHERE r.ev_class = %(oid)s AND r.rulename <> '_RETURN'
"""

_STATISTICS = "SELECT pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE s.stxrelid = %(oid)s"

_STORAGE = """
SELECT format('ALTER TABLE %%I.%%I SET (%%s)', n.nspname, c.relname, array_to_string(c.reloptions, ', '))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s AND c.reloptions IS NOT NULL
"""

_REPLICATION = """
SELECT format('ALTER TABLE %%I.%%I REPLICA IDENTITY %%s', n.nspname, c.relname,
              CASE c.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' ELSE 'USING INDEX ' || (
                  SELECT quote_ident(x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
                  WHERE i.indrelid = c.oid AND i.indisreplident) END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s AND c.relreplident <> 'd'
UNION ALL
SELECT format('ALTER PUBLICATION %%I ADD TABLE %%I.%%I%%s%%s', p.pubname, n.nspname, c.relname,
              ' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                       WHERE a.attrelid = c.oid AND a.attnum = ANY (r.prattrs)) || ')',
              ' WHERE (' || pg_get_expr(r.prqual, r.prrelid) || ')')
FROM pg_publication_rel r
JOIN pg_publication p ON p.oid = r.prpubid
JOIN pg_class c ON c.oid = r.prrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE r.prrelid = %(oid)s
"""

_OF_TABLE = (
    _GRANTS, _POLICIES, _CONSTRAINTS, _INDEXES, _STATISTICS, _STORAGE, _TRIGGERS, _RULES, _REPLICATION
)  # fmt: skip
_OF_VIEW = (_COMMENTS, _GRANTS, _TRIGGERS, _RULES)


def by_table(pg: Connection, model: PublishedModel, existing: ExistingTable) -> list[str]:
    """Statements that give a model's new table what its old one had. Indexes on columns that are gone are left out."""
    values = {
        "oid": existing.oid,
        "key": model.key,
        "columns": list(model.column_names),
        "ours": [index_name(model, column) for column in model.column_names],
    }
    defaults = [f"REVOKE ALL ON {model.schema}.{model.name} FROM {grantee}" for grantee in _texts(pg, _DEFAULTS, {})]
    return defaults + [text for query in _OF_TABLE for text in _texts(pg, query, values)]


def by_view(pg: Connection, oid: int) -> list[str]:
    """The same for a view that is made again."""
    return [text for query in _OF_VIEW for text in _texts(pg, query, {"oid": oid, "columns": None})]


def _texts(pg: Connection, query: str, values: dict[str, Any]) -> list[str]:
    return [text for (text,) in pg.execute(query, values).fetchall()]
