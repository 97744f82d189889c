"""The chart of accounts, the same for both firms."""

from __future__ import annotations

BANK, EURO_BANK, CARDS, RECEIVABLE, STOCK, OWED_BY_FIRMS = "1000", "1010", "1050", "1100", "1300", "1400"
FURNITURE, WORN = "1500", "1590"
PAYABLE, NOT_BILLED, VAT_OUT, VAT_IN, VAT_DUE = "2000", "2050", "2100", "2110", "2190"
NET_PAY, PAY_TAX, PENSION, OWED_TO_FIRMS, ACCRUED, CAPITAL = "2300", "2310", "2320", "2400", "2900", "3000"
SALES, FREIGHT, RETURNS, FEE_INCOME = "4000", "4100", "4200", "4900"
SOLD, STOCK_LOSS = "5000", "5100"
WAGES, WAGE_COST, GRANTS, RENT, POWER, STAFFING, SERVICES = "6000", "6010", "6020", "6100", "6200", "6300", "6400"
BANK_FEES, MARKETING, IT, FEE_COST, CARRIAGE, BAD_DEBT, WEAR = "6500", "6600", "6700", "6800", "6900", "6950", "6960"
FX = "7000"

_BANK = ("A", "BANK", "BANK", "CASH", "C")
_COST = ("C", "OPEX", None, "OPER", "A")

# number → title, Danish title, class, kind, control, cash flow, translation
CHART: dict[str, tuple[str, str, str, str, str | None, str | None, str]] = {
    BANK: ("Bank", "Bank", *_BANK),
    EURO_BANK: ("Bank, euro", "Bank, euro", *_BANK),
    CARDS: ("Card clearing", "Kortafregning", "A", "CLEAR", "SETTLE", "OPER", "C"),
    RECEIVABLE: ("Trade receivables", "Varedebitorer", "A", "AR", "AR", "OPER", "C"),
    STOCK: ("Inventory", "Varelager", "A", "STOCK", "STOCK", "OPER", "C"),
    OWED_BY_FIRMS: ("Owed by group companies", "Tilgodehavende hos koncernselskaber", "A", "OTHA", "IC", "OPER", "C"),
    FURNITURE: ("Furniture and equipment", "Driftsmateriel og inventar", "A", "FIXED", None, "INV", "H"),
    WORN: ("Accumulated depreciation", "Akkumulerede afskrivninger", "A", "FIXED", None, "OPER", "H"),
    PAYABLE: ("Trade payables", "Varekreditorer", "L", "AP", "AP", "OPER", "C"),
    NOT_BILLED: ("Goods received, not billed", "Varer modtaget, ikke faktureret", "L", "CLEAR", "GRNI", "OPER", "C"),
    VAT_OUT: ("Output VAT", "Salgsmoms", "L", "TAX", "TAX", "OPER", "C"),
    VAT_IN: ("Input VAT", "Købsmoms", "L", "TAX", "TAX", "OPER", "C"),
    VAT_DUE: ("VAT to settle", "Momsafregning", "L", "OTHL", None, "OPER", "C"),
    NET_PAY: ("Net pay", "Skyldig nettoløn", "L", "PAYL", "PAY", "OPER", "C"),
    PAY_TAX: ("Withheld tax", "Skyldig A-skat", "L", "PAYL", None, "OPER", "C"),
    PENSION: ("Pension and contributions", "Skyldig pension", "L", "PAYL", None, "OPER", "C"),
    OWED_TO_FIRMS: ("Owed to group companies", "Gæld til koncernselskaber", "L", "OTHL", "IC", "OPER", "C"),
    ACCRUED: ("Accrued costs", "Skyldige omkostninger", "L", "OTHL", None, "OPER", "C"),
    CAPITAL: ("Share capital", "Selskabskapital", "E", "EQ", None, "FIN", "H"),
    SALES: ("Sales", "Varesalg", "R", "REV", None, "OPER", "A"),
    FREIGHT: ("Freight charged", "Faktureret fragt", "R", "REV", None, "OPER", "A"),
    RETURNS: ("Returns", "Returvarer", "R", "CREV", None, "OPER", "A"),
    FEE_INCOME: ("Management fee income", "Administrationsindtægt", "R", "OTHI", None, "OPER", "A"),
    SOLD: ("Cost of goods sold", "Vareforbrug", "C", "COGS", None, "OPER", "A"),
    STOCK_LOSS: ("Inventory differences", "Lagerdifferencer", "C", "COGS", None, "OPER", "A"),
    WAGES: ("Salaries", "Løn", "C", "PAYX", None, "OPER", "A"),
    WAGE_COST: ("Pension and contributions", "Pension og bidrag", "C", "PAYX", None, "OPER", "A"),
    GRANTS: ("Housing and home office grants", "Bolig- og hjemmekontortilskud", "C", "PAYX", None, "OPER", "A"),
    RENT: ("Rent", "Husleje", *_COST),
    POWER: ("Utilities", "El, vand og varme", *_COST),
    STAFFING: ("Freelancers and agencies", "Freelancere og vikarer", *_COST),
    SERVICES: ("Professional services", "Rådgivning", *_COST),
    BANK_FEES: ("Bank and card fees", "Bank- og kortgebyrer", *_COST),
    MARKETING: ("Marketing", "Markedsføring", *_COST),
    IT: ("IT", "IT", *_COST),
    FEE_COST: ("Management fee", "Administrationshonorar", *_COST),
    CARRIAGE: ("Carriers", "Fragt ud", *_COST),
    BAD_DEBT: ("Bad debts", "Tab på debitorer", *_COST),
    WEAR: ("Depreciation", "Afskrivninger", *_COST),
    FX: ("Exchange differences", "Valutakursdifferencer", "C", "FX", None, "OPER", "A"),
}
