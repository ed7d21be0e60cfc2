"""What the host and a zygote say to each other: records of a fixed size. The descriptors of a job's memory files go along with an order."""

import struct

# Job, whether it has a peer, wall seconds, CPU seconds, bytes of memory beyond the interpreter's, bytes of output.
ORDER = struct.Struct("<QBdIQQ")
# Job, flags, wait status, wall seconds, user and system seconds, peak KiB.
REPORT = struct.Struct("<QIiddQ")
TIMED_OUT, SPOILT = 1, 2
