"""What the chain still holds back: signed transactions that it has not settled (BRD-06, design decision 10)."""

from __future__ import annotations

SETTLED_DEPTH = 6
"""Confirmations of another spend after which the transaction can be taken as impossible: six blocks, as the trade counts them.

A constant and not a policy: who could lower it could free coins of a transaction that may still be mined."""
