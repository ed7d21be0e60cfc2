"""No BrowserGym: a stand-in that speaks the worker's protocol in a process of its own, so that the protocol can be tested where BrowserGym is not installed.

Its world is a button that is to be pressed as often as the goal says. The name of the task says what goes wrong.
"""

import json
import os
import sys
import time

WANTED = 2


def told(task, pressed, error="", done=False, raw=None):
    return {
        "goal": f'Press it {WANTED} times, and write "so".',
        "text": f"RootWebArea 'Button'\n\t[12] button 'pressed {pressed} times', clickable\n\t[a13] textbox ''",
        "cut": 0,
        "url": "http://button.test/",
        "tabs": ["Button"],
        "tab": 0,
        "focused": "",
        "error": error,
        "messages": [["user", "Hurry!"]] if pressed == 1 else [],
        "reward": float(done),
        "raw": raw,
        "terminated": done,
        "truncated": False,
    }


def main():
    pressed, task, resets = 0, "", 0
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"id": request["id"]}
        if task == "slow":
            time.sleep(0.5)
        if request["do"] == "make":
            task = request["with"]["task"].partition(".")[2]
            answer |= {"error": "NameError: there is no such task"} if task == "unknown" else {"ok": {}}
        elif request["do"] == "reset":
            pressed, resets = 0, resets + 1
            answer |= {"error": "Error: no server"} if task == "unreachable" else {"ok": told(task, 0)}
        elif request["do"] == "step":
            call = request["with"]["action"]
            if task == "hangs":
                time.sleep(60)
            if task == "dies":
                sys.stderr.write("Segmentation fault")
                sys.stderr.flush()
                os._exit(1)
            if task == "babbles":
                sys.stdout.write("hello\n")
                sys.stdout.flush()
                continue
            fixed = {"fails": {"error": "Error: Target crashed"}, "partial": {"ok": told(task, 0, done=True, raw=0.4)}, "strange": {"ok": {"text": "x"}}}
            if task in fixed:
                answer |= fixed[task]
            elif call == "click('12')":
                pressed += 1
                answer |= {"ok": told(task, pressed)}
            elif call.startswith("send_msg_to_user"):
                answer |= {"ok": told(task, pressed, done=pressed == WANTED) | {"terminated": True}}
            else:
                answer |= {"ok": told(task, pressed, error="ValueError: Could not find element")}
        else:
            answer |= {"ok": {}}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


main()
