#if APUS_SABOTAGE
    private import CChecksum

    /// Deliberate faults of a build that is made for one purpose: to show that the disk suites find
    /// them. The variable `APUS_SABOTAGE` chooses one.
    package enum Sabotage: String, CaseIterable, Sendable {
        case noFlush = "no-flush"
        case ackBeforeFlush = "ack-before-flush"
        case ackAfterFailedFlush = "ack-after-failed-flush"
        case noDirectoryFlush = "no-directory-flush"
        case checksumOff = "checksum-off"
        case lengthUnchecked = "length-unchecked"

        package var isOn: Bool { apus_sabotage(self.rawValue) != 0 }
    }
#endif
