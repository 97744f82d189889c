"""Backoffice Data Platform.

The rooms follow the way of a row: ``sources`` → ``collect`` → ``landing`` → ``warehouse.load`` → ``validate`` →
``warehouse.build`` → ``warehouse.audit`` → ``publish``. A room imports only from those before it.
"""

__version__ = "0.1.0"
