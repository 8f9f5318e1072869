"""Delay levels: a message comes after its level's time, and not before."""

import time

from scenario import Delivered, check, created_topic, message, producer, run, send

LEVELS = {1: 1.0, 2: 5.0}
LATE_MAX = 1.0


def scenario():
    topic = created_topic("Delay")
    delivered = Delivered(topic).connect()
    to = producer()

    sent_at = {}
    for number in range(5):
        for level in LEVELS:
            delayed = message(topic, f"{level}:{number}")
            delayed.set_delay_time_level(level)
            sent_at[f"{level}:{number}"] = time.monotonic()
            send(to, delayed)
    send(to, message(topic, "at once"))

    delivered.wait_for(["at once"], seconds=1)
    delivered.wait_for(sent_at, seconds=10)
    worst = 0.0
    for taken in delivered.taken:
        if taken.body in sent_at:
            after = taken.at - sent_at[taken.body] - LEVELS[int(taken.body.split(":")[0])]
            check(-0.1 < after < LATE_MAX, f"{taken.body} came {after:.2f} s after its time")
            worst = max(worst, after)
    check(len(delivered.bodies) == len(sent_at) + 1, "each delayed message comes once")
    return f"delay: levels {list(LEVELS)} on time, {worst * 1000:.0f} ms late at worst"


run(scenario)
