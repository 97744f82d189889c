-- The company's ERP, for both of its firms: names, codes and habits of its own.
-- Amounts are exact with two decimals; a ledger amount is signed, debit is positive; instants are UTC; last days are
-- days still in force. Codes are explained where they are. The simulator writes; nothing here refers to the platform.

CREATE SCHEMA erp;

-- share: percent the owner holds
CREATE TABLE erp.firm (
    firm smallint PRIMARY KEY, title text NOT NULL, land text NOT NULL, currency text NOT NULL, owner smallint,
    share numeric(5, 2), tax_no text NOT NULL, year_begins smallint NOT NULL, zone text NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: O open, S soft closed, C closed
CREATE TABLE erp.fiscal_month (
    firm smallint, fiscal_year smallint, fiscal_month smallint, first_day date NOT NULL, last_day date NOT NULL,
    state text NOT NULL, closed_at timestamptz, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (firm, fiscal_year, fiscal_month)
);

-- price of 100 units of the foreign currency; kind: S spot, A average of a month, C closing of a month
CREATE TABLE erp.fx_quote (
    foreign_currency text, home_currency text, quoted_on date, kind text, per_100 numeric(16, 6) NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (foreign_currency, home_currency, quoted_on, kind)
);

-- class: A asset, L liability, E equity, R revenue, C cost; control: which subledger it sums up
CREATE TABLE erp.account (
    firm smallint, acct text, title text NOT NULL, title_da text NOT NULL, class text NOT NULL, kind text NOT NULL,
    control text, cash_flow text, translation text NOT NULL, standard_no text, in_use boolean NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (firm, acct)
);

-- one line of a voucher; amount in the voucher's currency, amount_home in the firm's; party: D debtor, K creditor,
-- P person, F firm; source: IV invoice, PM payment, AL allocation, ST stock, PS payslip run, CB card batch, BK bank, MA manual
CREATE TABLE erp.ledger_line (
    firm smallint NOT NULL, voucher text, line integer, book text NOT NULL, posted_on date NOT NULL,
    keyed_at timestamptz NOT NULL, keyed_by text NOT NULL, acct text NOT NULL, currency text NOT NULL,
    amount numeric(16, 2) NOT NULL, amount_home numeric(16, 2) NOT NULL, party text, party_no text, source text,
    source_no text, team text, other_firm smallint, reverses text, note text,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (voucher, line)
);

-- kind: B business, P person, G public; state: A active, H on hold, X left
CREATE TABLE erp.debtor (
    debtor_no integer PRIMARY KEY, name text NOT NULL, kind text NOT NULL, vat_no text, mail text, phone text,
    street text, zip text, city text, land text NOT NULL, region text NOT NULL, segment text NOT NULL,
    language text NOT NULL, currency text NOT NULL, credit_limit numeric(14, 2) NOT NULL, pay_days smallint NOT NULL,
    keeper integer, since date NOT NULL, left_on date, newsletter boolean NOT NULL, state text NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: A active, B blocked, P passive
CREATE TABLE erp.creditor (
    creditor_no integer PRIMARY KEY, name text NOT NULL, vat_no text, land text NOT NULL, currency text NOT NULL,
    pay_days smallint NOT NULL, discount_pct numeric(5, 2), discount_days smallint, iban text NOT NULL,
    iban_since timestamptz NOT NULL, mail text NOT NULL, trade text NOT NULL, preferred boolean NOT NULL,
    state text NOT NULL, approved_by integer,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.item (
    item_no integer PRIMARY KEY, code text NOT NULL, title text NOT NULL, item_group text NOT NULL, unit text NOT NULL,
    cost numeric(14, 4) NOT NULL, cost_currency text NOT NULL, reorder_at numeric(12, 2) NOT NULL,
    safety numeric(12, 2) NOT NULL, lead_days smallint NOT NULL, on_sale boolean NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.price (
    price_no integer PRIMARY KEY, item_no integer NOT NULL, list text NOT NULL, currency text NOT NULL,
    price numeric(14, 2) NOT NULL, from_qty numeric(12, 2) NOT NULL, first_day date NOT NULL, last_day date,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- kind: O office, W warehouse, C coworking, H homes, S site of an outsourcer; per_head: what a desk costs a month
CREATE TABLE erp.place (
    place text PRIMARY KEY, firm smallint NOT NULL, title text NOT NULL, kind text NOT NULL, land text NOT NULL,
    city text, zone text NOT NULL, seats smallint, rent numeric(14, 2) NOT NULL, per_head numeric(14, 2) NOT NULL,
    currency text NOT NULL, opened date NOT NULL, closed date,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- kind: OP opening, RC receipt, IS issue, RI return in, TO and TI transfer out and in, AD count difference
CREATE TABLE erp.stock_post (
    post_no bigint PRIMARY KEY, firm smallint NOT NULL, item_no integer NOT NULL, place text NOT NULL, kind text NOT NULL,
    posted_at timestamptz NOT NULL, keyed_at timestamptz NOT NULL, qty numeric(12, 2) NOT NULL,
    unit_cost numeric(16, 6) NOT NULL, worth numeric(16, 2) NOT NULL, source text, source_no text, transfer text,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.stock_take (
    take_no integer PRIMARY KEY, item_no integer NOT NULL, place text NOT NULL, taken_at timestamptz NOT NULL,
    book_qty numeric(12, 2) NOT NULL, counted numeric(12, 2) NOT NULL, counter integer,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- channel: W web, M mail, T telephone, X fax, E EDI, S seller, K marketplace
-- state: 10 entered, 20 checked, 30 confirmed, 35 partly picked, 50 shipped, 60 delivered, 70 invoiced, 90 cancelled
CREATE TABLE erp.so_head (
    so_no bigint PRIMARY KEY, firm smallint NOT NULL, debtor_no integer NOT NULL, channel text NOT NULL,
    entered_at timestamptz NOT NULL, checked_at timestamptz, confirmed_at timestamptz, seller integer, wanted_on date,
    promised_on date, currency text NOT NULL, rate_100 numeric(16, 6) NOT NULL, net numeric(14, 2) NOT NULL,
    vat numeric(14, 2) NOT NULL, freight numeric(14, 2) NOT NULL, total numeric(14, 2) NOT NULL, state smallint NOT NULL,
    cancelled_at timestamptz, cancel_why text,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.so_line (
    so_no bigint, pos smallint, item_no integer NOT NULL, qty numeric(12, 2) NOT NULL, free_qty numeric(12, 2),
    reserved numeric(12, 2), missing numeric(12, 2), cancelled numeric(12, 2) NOT NULL, price numeric(14, 2) NOT NULL,
    discount numeric(5, 4) NOT NULL, net numeric(14, 2) NOT NULL, currency text NOT NULL, list_price numeric(14, 2),
    promised_on date, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (so_no, pos)
);

-- way: O out, R back; state: K picked, S shipped, T on its way, E exception, D delivered, R returned
CREATE TABLE erp.delivery (
    delivery_no bigint PRIMARY KEY, so_no bigint NOT NULL, way text NOT NULL, place text NOT NULL, carrier text,
    tracking text, picked_at timestamptz, shipped_at timestamptz, promised_on date, delivered_at timestamptz,
    state text NOT NULL, freight_cost numeric(14, 2), currency text NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.delivery_line (
    delivery_no bigint, pos smallint, so_no bigint NOT NULL, so_pos smallint NOT NULL, qty numeric(12, 2) NOT NULL,
    return_why text, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (delivery_no, pos)
);

-- kind: SI and SC sales invoice and credit note, PI purchase bill; amounts of credit notes are positive, kind tells;
-- state: P posted, D disputed, C closed, W written off; e_format: 0 none, 1 OIOUBL, 2 Peppol
CREATE TABLE erp.invoice (
    invoice_no text PRIMARY KEY, printed_no text NOT NULL, firm smallint NOT NULL, kind text NOT NULL, party_no integer NOT NULL,
    order_no text, dated date NOT NULL, received_at timestamptz, sent_at timestamptz, due date NOT NULL,
    pay_days smallint, currency text NOT NULL, rate_100 numeric(16, 6) NOT NULL, net numeric(14, 2) NOT NULL,
    vat numeric(14, 2) NOT NULL, total numeric(14, 2) NOT NULL, net_home numeric(14, 2) NOT NULL,
    vat_home numeric(14, 2) NOT NULL, total_home numeric(14, 2) NOT NULL, state text NOT NULL, approved_by integer,
    approved_at timestamptz, dispute text, corrects text, e_format smallint NOT NULL, scan_no text,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.invoice_line (
    invoice_no text, pos smallint, item_no integer, order_pos text, firm smallint NOT NULL, kind text NOT NULL,
    acct text NOT NULL, qty numeric(12, 2) NOT NULL, price numeric(16, 4) NOT NULL, discount numeric(5, 4) NOT NULL,
    net numeric(14, 2) NOT NULL, vat_code text NOT NULL, vat_pct numeric(5, 2) NOT NULL, vat numeric(14, 2) NOT NULL,
    currency text NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (invoice_no, pos)
);

-- way: I in, O out; party: D debtor, K creditor, P person, T tax office, F firm; means: B transfer, C card, P payroll file;
-- state: W waiting, C cleared, R reversed
CREATE TABLE erp.payment (
    payment_no text PRIMARY KEY, firm smallint NOT NULL, way text NOT NULL, party text NOT NULL, party_no text,
    paid_on date NOT NULL, means text NOT NULL, iban text NOT NULL, currency text NOT NULL, amount numeric(14, 2) NOT NULL,
    rate_100 numeric(16, 6) NOT NULL, amount_home numeric(14, 2) NOT NULL, reference text, state text NOT NULL,
    cleared_at timestamptz, run_no text,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.allocation (
    allocation_no bigint PRIMARY KEY, payment_no text, credit_no text, invoice_no text NOT NULL, applied_on date NOT NULL,
    amount numeric(14, 2) NOT NULL, currency text NOT NULL, amount_home numeric(14, 2) NOT NULL,
    written_off numeric(14, 2) NOT NULL, fx_home numeric(14, 2) NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.bank_account (
    iban text PRIMARY KEY, firm smallint NOT NULL, bic text NOT NULL, currency text NOT NULL, acct text NOT NULL,
    in_use boolean NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: W waiting, S settled
CREATE TABLE erp.card_item (
    card_no bigint PRIMARY KEY, batch text NOT NULL, provider text NOT NULL, firm smallint NOT NULL, payment_no text NOT NULL,
    traded_on date NOT NULL, due_on date NOT NULL, settled_on date, gross numeric(14, 2) NOT NULL,
    fee numeric(14, 2) NOT NULL, currency text NOT NULL, state text NOT NULL, bank_reference text,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: 20 sent, 30 partly received, 40 received, 50 invoiced
CREATE TABLE erp.po_head (
    po_no bigint PRIMARY KEY, firm smallint NOT NULL, creditor_no integer NOT NULL, ordered_at timestamptz NOT NULL,
    buyer integer, approved_by integer, expected_on date, currency text NOT NULL, net numeric(14, 2) NOT NULL,
    state smallint NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.po_line (
    po_no bigint, pos smallint, item_no integer NOT NULL, qty numeric(12, 2) NOT NULL, received numeric(12, 2) NOT NULL,
    rejected numeric(12, 2) NOT NULL, price numeric(14, 2) NOT NULL, net numeric(14, 2) NOT NULL, currency text NOT NULL,
    expected_on date, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (po_no, pos)
);

-- kind: LAP, MON, PHO, SRV, ACC user account, VPN, LIC; state: A asked for, U in use, S spare, R retired
CREATE TABLE erp.asset (
    asset_no integer PRIMARY KEY, kind text NOT NULL, holder integer, place text, asked_at timestamptz,
    ready_at timestamptz, ended_at timestamptz, creditor_no integer, monthly numeric(12, 2), currency text,
    state text NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE erp.outage (
    outage_no integer PRIMARY KEY, system text NOT NULL, began_at timestamptz NOT NULL, ended_at timestamptz,
    grade smallint NOT NULL, teams text, planned boolean NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: O open, S submitted, A accepted
CREATE TABLE erp.filing (
    filing_no text PRIMARY KEY, firm smallint NOT NULL, law text NOT NULL, land text NOT NULL, first_day date, last_day date,
    due date NOT NULL, sent_at timestamptz, accepted_at timestamptz, amount numeric(14, 2), currency text, owner integer,
    evidence text, state text NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);
