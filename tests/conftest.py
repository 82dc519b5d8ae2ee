"""Lets every test import the helpers of tests/ (`from tests.desk import Desk`), and be ended by a signal, however pytest is started."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

# Tests send these to processes that inherit what is done at them: under nohup, nothing.
if threading.current_thread() is threading.main_thread():
    for _number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(_number, signal.SIG_DFL)
