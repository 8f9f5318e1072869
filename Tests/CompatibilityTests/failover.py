"""Masters die and leave under a producer and a push consumer: all that was acknowledged arrives.

The consumer gives some messages back: they wait 10 s at brokers whose masters change meanwhile.
The topics: one on each group alone, where the client has nobody else to send to, and one on both.
A client looks at routes every 30 s only. A broker that comes back as a replica passes on what
still goes to its address; with --short both brokers come back at once.
"""

import os
import signal
import sys
import time
from collections import namedtuple

from broker_groups import nodes, topic_on, wait_for_master
from failover_watch import ReceivingProcess, SendingProcess, longest_pause
from scenario import check, launch, run, unique, wait_until

GROUPS = ("broker-a", "broker-b")
# The client gives back all that came with a message that is refused; it comes again after 10 s.
RETRY_SECONDS = 15


Strike = namedtuple("Strike", "group node what struck gone")


class Scenario:
    def __init__(self):
        self.alone = {group: topic_on(group) for group in GROUPS}
        self.both = topic_on(*GROUPS)
        self.topics = [*self.alone.values(), self.both]
        self.strikes = []
        self.consumer = ReceivingProcess(unique("CID"), self.topics)
        self.producer = SendingProcess(self.topics)

    def play(self, short):
        self.wait_for_traffic()
        self.strike(kill="broker-a", drain="broker-b", come_back_at_once=True)
        if not short:
            self.strike(kill="broker-b", drain="broker-a", come_back_at_once=False)
        self.producer.end()
        return self.judge()

    def wait_for_traffic(self):
        for topic in self.topics:
            wait_until(
                lambda: len(self.consumer.received(topic)) > 50, 60, f"traffic through {topic}"
            )

    def strike(self, kill, drain, come_back_at_once):
        """Takes both groups' masters away, until messages that their successors stored arrived."""
        strikes = [self.take_away(kill, True), self.take_away(drain, False)]
        self.strikes += strikes
        if come_back_at_once:
            self.bring_back(strikes)
        firsts = [self.first_of_successor(strike) for strike in strikes]
        if not come_back_at_once:
            self.bring_back(strikes)
        self.settle()
        for strike, first in zip(strikes, firsts):
            self.tell(strike, "back at once" if come_back_at_once else "away meanwhile", first)

    def take_away(self, group, kill):
        master = wait_for_master(group)
        struck = time.monotonic()
        if kill:
            launch("kill", master["name"])
        else:
            os.kill(master["pid"], signal.SIGTERM)
            wait_until(
                lambda: nodes()[master["name"]]["state"] != "running", 30, "the drained broker ends"
            )
        what = f"{master['name']} {'killed' if kill else 'drained'}"
        return Strike(group, master["name"], what, struck, gone=time.monotonic())

    def bring_back(self, strikes):
        for strike in strikes:
            launch("restart", strike.node)

    def first_of_successor(self, strike):
        """When the first message arrived whose sending began after the old master was gone."""
        topic = self.alone[strike.group]
        newest = self.producer.last_number_before(topic, strike.gone)

        def arrived():
            return [at for number, at in self.consumer.received(topic) if number > newest]

        wait_until(arrived, 100, f"a message of {strike.group}'s new master at the consumer")
        return min(arrived())

    def settle(self):
        """The client sends to every queue again, and is served from every queue again."""
        marks = {topic: len(self.producer.acknowledged(topic)) for topic in self.topics}
        wait_until(
            lambda: all(len(self.producer.acknowledged(t)) > marks[t] + 40 for t in self.topics),
            60, "forty more sends to each topic",
        )
        wait_until(lambda: not self.missing(), 60, "the consumer has caught up")

    def tell(self, strike, back, first):
        now = time.monotonic()
        print(
            f"      {strike.what}, {back}: its successor's messages came after "
            f"{first - strike.struck:.2f} s", flush=True
        )
        for name, topic in (("its own topic", self.alone[strike.group]), ("both", self.both)):
            sent = [ended for _, _, ended in self.producer.acknowledged(topic)]
            came = [at for _, at in self.consumer.received(topic)]
            print(
                f"        {name}: producer {longest_pause(sent, strike.struck, now):.2f} s, "
                f"consumer {longest_pause(came, strike.struck, now):.2f} s without success",
                flush=True,
            )

    def missing(self, seconds=RETRY_SECONDS):
        """Acknowledged for so long, and not yet consumed."""
        ripe = time.monotonic() - seconds
        return [
            (topic, number)
            for topic in self.topics
            for received in [self.consumer.counts(topic)]
            for number, _, ended in self.producer.acknowledged(topic)
            if ended < ripe and number not in received
        ]

    def retried_through(self, strikes):
        """Messages that were given back before a master went, and came again after it."""
        return sum(
            1 for topic in self.topics
            for refused in [self.consumer.refused(topic)]
            for number, at in self.consumer.received(topic)
            if number in refused
            and any(refused[number] < strike.struck < at for strike in strikes)
        )

    def judge(self):
        time.sleep(1.1)
        try:
            wait_until(
                lambda: not self.missing(seconds=1), 90,
                "everything acknowledged is consumed",
            )
        except AssertionError:
            lost = self.missing(seconds=1)
            raise AssertionError(f"{len(lost)} acknowledged and not consumed: {lost[:20]}")
        self.consumer.end()
        sends = sum(len(self.producer.acknowledged(topic)) for topic in self.topics)
        again = sum(
            count - 1 for topic in self.topics for count in self.consumer.counts(topic).values()
        )
        early, late = self.producer.failures()
        retried = self.retried_through(self.strikes)
        check(retried > 0, "no message waited for its retry while a master went")
        return (
            f"failover: {sends} acknowledged, all consumed, {again} once more than needed, "
            f"{retried} given back before and again after, "
            f"{late} sends given up by the client (and {early} before it knew the new topics)"
        )


def scenario():
    played = Scenario()
    try:
        return played.play(short="--short" in sys.argv[1:])
    finally:
        played.producer.kill()
        played.consumer.kill()


run(scenario)
