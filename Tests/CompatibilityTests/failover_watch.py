"""What the client processes of the failover scenario did, and when."""

import os
import subprocess
import sys
import threading
from collections import Counter

CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "failover_client.py")


class ClientProcess:
    def __init__(self, *arguments):
        self.lines = []
        self._process = subprocess.Popen(
            [sys.executable, CLIENT, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.lines.append(line.split())

    def end(self, seconds=45):
        self._process.stdin.close()
        self._process.wait(seconds)
        self._reader.join(5)

    def kill(self):
        self._process.kill()


class SendingProcess(ClientProcess):
    def __init__(self, topics):
        super().__init__("produce", *topics)

    def acknowledged(self, topic):
        """Number, start and end of each send that was acknowledged, in order."""
        return [
            (int(number), float(started), float(ended))
            for name, number, started, ended, outcome in self.lines[:]
            if name == topic and outcome == "ok"
        ]

    def failures(self):
        """Sends that the client gave up: before its topic's first success, and after."""
        succeeded, early, late = set(), 0, 0
        for topic, _, _, _, outcome in self.lines[:]:
            if outcome == "ok":
                succeeded.add(topic)
            elif topic in succeeded:
                late += 1
            else:
                early += 1
        return early, late

    def last_number_before(self, topic, moment):
        """The last send that began before that moment, and may have been taken before it."""
        numbers = [
            int(number) for name, number, started, _, _ in self.lines[:]
            if name == topic and float(started) < moment
        ]
        return max(numbers, default=0)


class ReceivingProcess(ClientProcess):
    def __init__(self, group, topics):
        super().__init__("consume", group, *topics)

    def received(self, topic):
        return [
            (int(number), float(at)) for name, number, at, outcome in self.lines[:]
            if name == topic and outcome == "ok"
        ]

    def refused(self, topic):
        """What comes again, and when it came first."""
        return {
            int(number): float(at) for name, number, at, outcome in self.lines[:]
            if name == topic and outcome == "later"
        }

    def counts(self, topic):
        return Counter(number for number, _ in self.received(topic))


def longest_pause(moments, start, end):
    """The longest time between two successes, and its edges, from `start` on."""
    inside = [start] + sorted(moment for moment in moments if start < moment < end) + [end]
    return max(after - before for before, after in zip(inside, inside[1:]))
