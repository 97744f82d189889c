"""A living company: two firms whose business runs by the day, written into systems of their own shape.

In: a seed, dates and a volume. Out: an ERP and an HRIS (PostgreSQL), a helpdesk (events and a paged API), and the files
of a bank, vendors, a carrier, time sheets and an archive. Every business event posts its balanced voucher.
"""
