"""Lets every test import the helpers of tests/ (`from tests.desk import Desk`) however pytest is started."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
