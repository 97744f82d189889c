-- The company's HRIS and payroll, for both firms. Amounts are cents (øre) where the column says so, else exact with two
-- decimals; last days are days still in force; instants are UTC.

CREATE SCHEMA hris;

-- area: 10 management, 20 sales, 25 service, 30 logistics, 35 purchasing, 40 finance, 50 it, 60 hr, 70 office,
-- 80 marketing, 90 legal
CREATE TABLE hris.org_unit (
    unit_code text PRIMARY KEY, firm smallint NOT NULL, title text NOT NULL, area smallint NOT NULL,
    above text, head_pn integer, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- engagement: P payroll, C contractor, F freelancer, O outsourced; state: 0 starts later, 1 works, 9 left
CREATE TABLE hris.person (
    pn integer PRIMARY KEY, badge text NOT NULL, first_name text NOT NULL, last_name text NOT NULL, mail text NOT NULL,
    private_mail text, born date NOT NULL, sex text NOT NULL, iban text, home text, land text NOT NULL, language text NOT NULL,
    engagement text NOT NULL, firm_of_vendor integer, hired_on date NOT NULL, left_on date, left_why text,
    regretted boolean, state smallint NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- place_mode: O office, H hybrid, R remote, F offshore, X at an outsourcer
CREATE TABLE hris.assignment (
    assignment_no integer PRIMARY KEY, pn integer NOT NULL, firm smallint NOT NULL, unit_code text NOT NULL, boss_pn integer,
    title text NOT NULL, grade text NOT NULL, place text, place_mode text NOT NULL, share numeric(4, 3) NOT NULL,
    weekly_hours numeric(5, 2) NOT NULL, first_day date NOT NULL, last_day date, reason text NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- kind: SAL salary, HRS hourly rate, GRA housing grant, HOM home office; per: M month, H hour
CREATE TABLE hris.pay_item (
    pay_no integer PRIMARY KEY, pn integer NOT NULL, kind text NOT NULL, per text NOT NULL, cents bigint NOT NULL,
    currency text NOT NULL, first_day date NOT NULL, last_day date, approved_by integer,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: D draft, A approved, P paid
CREATE TABLE hris.pay_run (
    run_no text PRIMARY KEY, firm smallint NOT NULL, first_day date NOT NULL, last_day date NOT NULL, paid_on date NOT NULL,
    state text NOT NULL, approved_by integer, voucher text, currency text NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE hris.pay_slip (
    slip_no text PRIMARY KEY, run_no text NOT NULL, pn integer NOT NULL, hours numeric(7, 2) NOT NULL,
    gross numeric(14, 2) NOT NULL, tax numeric(14, 2) NOT NULL, deducted numeric(14, 2) NOT NULL,
    refunded numeric(14, 2) NOT NULL, net numeric(14, 2) NOT NULL, employer numeric(14, 2) NOT NULL,
    currency text NOT NULL, payment_no text, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- wage: 100 salary, 110 overtime, 200 tax, 210 pension of the employee, 300 pension of the employer, 310 employer's tax,
-- 400 housing grant, 410 home office
CREATE TABLE hris.pay_slip_line (
    slip_no text, pos smallint, wage smallint NOT NULL, qty numeric(8, 2), amount numeric(14, 2) NOT NULL,
    currency text NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL,
    PRIMARY KEY (slip_no, pos)
);

-- state: 1 open, 2 investigated, 3 resolved, 5 appealed; weight: 1 low to 4 critical
CREATE TABLE hris.er_case (
    case_no integer PRIMARY KEY, opened_at timestamptz NOT NULL, by_pn integer, about_pn integer, unit_code text,
    kind text NOT NULL, weight smallint NOT NULL, acknowledged_at timestamptz, handler integer, resolved_at timestamptz,
    outcome text, appeal_of integer, told text, state smallint NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE hris.vacancy (
    vacancy_no integer PRIMARY KEY, firm smallint NOT NULL, unit_code text NOT NULL, title text NOT NULL,
    place_mode text NOT NULL, opened_at timestamptz NOT NULL, applicants integer NOT NULL, filled_at timestamptz,
    filled_by integer, state text NOT NULL, created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

CREATE TABLE hris.course_record (
    record_no integer PRIMARY KEY, pn integer NOT NULL, course text NOT NULL, required boolean NOT NULL,
    given_at timestamptz NOT NULL, due date, done_at timestamptz, result text, valid_until date,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);

-- state: O open, W worked on, D done
CREATE TABLE hris.task (
    task_no integer PRIMARY KEY, kind text NOT NULL, goal_no integer, doer integer, asked_by text, planned_on date,
    due_at timestamptz, done_at timestamptz, units integer, errors integer, sample integer, state text NOT NULL,
    created_at timestamptz NOT NULL, changed_at timestamptz NOT NULL
);
