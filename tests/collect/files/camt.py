"""Small bank statements for tests."""

from __future__ import annotations

from pathlib import Path

from backoffice.collect.files.camt import transactions

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def entry(amount: str = "100.00", kind: str = "CRDT", details: str = "", **values: str) -> str:
    """An entry of a statement; ``details`` is the XML of its TxDtls."""
    currency, date, reference = values.get("currency", "DKK"), values.get("date", "2026-03-02"), values.get("ref", "R1")
    reversal = f"<RvslInd>{values['reversal']}</RvslInd>" if "reversal" in values else ""
    return f"""<Ntry><NtryRef>N1</NtryRef><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{kind}</CdtDbtInd>{reversal}
        <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{date}</Dt></BookgDt><ValDt><DtTm>{date}T23:30:00-05:00</DtTm></ValDt>
        <AcctSvcrRef>{reference}</AcctSvcrRef>
        <BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
        {f"<NtryDtls>{details}</NtryDtls>" if details else ""}</Ntry>"""


def detail(amount: str = "", **values: str) -> str:
    """A transaction of an entry."""
    own = f'<Amt Ccy="{values.get("currency", "DKK")}">{amount}</Amt>' if amount else ""
    return f"""<TxDtls><Refs><EndToEndId>{values.get("end_to_end", "E1")}</EndToEndId></Refs>{own}
        <RltdPties><Dbtr><Pty><Nm>Ada</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>DK5000400440116243</IBAN></Id></DbtrAcct>
        <Cdtr><Nm>Us</Nm></Cdtr></RltdPties><RmtInf><Ustrd>inv 1</Ustrd><Ustrd>inv 2</Ustrd></RmtInf></TxDtls>"""


def balance(code: str, amount: str, kind: str = "CRDT", date: str = "2026-03-02") -> str:
    """A balance of a statement."""
    return f"""<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="DKK">{amount}</Amt>
        <CdtDbtInd>{kind}</CdtDbtInd><Dt><Dt>{date}</Dt></Dt></Bal>"""


def camt(*entries: str, statement: str = "S1", balances: str = "", namespace: str = NAMESPACE) -> str:
    """A file with one statement."""
    balances = balances or balance("OPBD", "10.00", "DBIT", "2026-03-01") + balance("CLBD", "90.00")
    return f"""<?xml version="1.0" encoding="UTF-8"?><Document xmlns="{namespace}"><BkToCstmrStmt>
        <GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-03-03T06:00:00</CreDtTm></GrpHdr>
        <Stmt><Id>{statement}</Id><ElctrncSeqNb>41</ElctrncSeqNb><CreDtTm>2026-03-03T06:00:00+01:00</CreDtTm>
        <Acct><Id><IBAN>DK7320000012345678</IBAN></Id><Ccy>DKK</Ccy>
        <Svcr><FinInstnId><BICFI>NDEADKKK</BICFI></FinInstnId></Svcr></Acct>{balances}{"".join(entries)}</Stmt>
        </BkToCstmrStmt></Document>"""


def rows(path: Path) -> list[dict[str, str | None]]:
    """A file's entries, a row each."""
    return [row for block in transactions(path) for row in block.to_pylist()]
