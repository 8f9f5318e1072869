"""What a push consumer gives back comes again after 10 s, and ends among the dead letters."""

import json
import time

from scenario import (
    Delivered, apus, apus_lines, check, created_topic, message, producer, run, send, unique,
    wait_until,
)

RETRIES_MAX = 1
FIRST_DELAY = 10.0


def scenario():
    topic, group = created_topic("Retry"), unique("CID")
    apus("group", "update", group, "--retries", str(RETRIES_MAX))
    fails_once, fails_always = {"once 0", "once 1"}, {"always 0"}

    def is_refused(received):
        body = received.body.decode()
        return body in fails_always or (body in fails_once and received.reconsume_times == 0)

    delivered = Delivered(topic, group=group, refuses=is_refused).connect()
    to = producer()
    for body in [*fails_once, *fails_always, "good"]:
        send(to, message(topic, body, keys=body.replace(" ", "-")))
        time.sleep(0.3)  # what one pull brings, the client gives back as a whole

    def came_again():
        bodies = delivered.bodies
        return all(bodies.count(body) == 2 for body in fails_once | fails_always)

    wait_until(came_again, 20, "each message that failed comes a second time")
    for body in fails_once | fails_always:
        first, second = [taken for taken in delivered.taken if taken.body == body]
        after = second.at - first.at
        check(FIRST_DELAY - 0.5 < after < FIRST_DELAY + 2, f"{body} came again after {after:.1f} s")
        check((first.reconsume_times, second.reconsume_times) == (0, 1), "the tries are counted")
        check(second.topic == topic, f"the retry names {second.topic}")
    check(delivered.bodies.count("good") == 1, "what succeeded does not come again")

    dead = []

    def is_dead():
        dead[:] = apus_lines("consume", "--topic", f"%DLQ%{group}", "--format", "json")
        return dead

    wait_until(is_dead, 5, "a dead letter")
    letter = json.loads(dead[0])
    check(len(dead) == 1 and letter["body"] == "always 0", f"the dead letters are {dead}")
    check(letter["keys"] == "always-0", "a dead letter keeps its keys")
    return "retry: given back, again after 10 s in the original topic, then a dead letter"


run(scenario)
