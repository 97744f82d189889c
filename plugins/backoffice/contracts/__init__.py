"""Contracts: what every canonical table must be. One ODCS v3.1 file a contract is the only place meaning is written.

In: ``contracts/*.odcs.yaml``. Out: :class:`Contracts` through :func:`load_contracts`.
"""

from backoffice.contracts.load import load_contracts
from backoffice.contracts.model import Column, Contracts, Document, ForeignKey, Table

__all__ = ["Column", "Contracts", "Document", "ForeignKey", "Table", "load_contracts"]
