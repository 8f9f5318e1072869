/// Shows that the suites can fail: a broker with a deliberate fault must be caught.
package enum SabotageProof: String, CaseIterable, Hashable, Sendable {
    case noFlush = "no-flush"
    case ackBeforeFlush = "ack-before-flush"
    case ackAfterFailedFlush = "ack-after-failed-flush"
    case noDirectoryFlush = "no-directory-flush"
    case checksumOff = "checksum-off"
    case lengthUnchecked = "length-unchecked"
    /// Of all three brokers of a group.
    case checksumOffInGroup = "checksum-off, in a group"

    /// What became of the attempt to catch it.
    package struct Catch: Sendable {
        package var fault: SabotageProof
        package var suite: DiskSuite
        package var seconds: Double
        /// The first broken promise; nil: it was not caught.
        package var problem: String?
    }

    /// What a broker of the special build knows it by.
    private var variable: String {
        self == .checksumOffInGroup ? Self.checksumOff.rawValue : self.rawValue
    }

    private var order: DiskRun.Order {
        var order: DiskRun.Order
        switch self {
        case .noFlush, .ackBeforeFlush:
            order = DiskRun.Order(.powerCut)
            order.times = 20
        case .ackAfterFailedFlush:
            order = DiskRun.Order(.errors)
            order.only = "segment: flushes fail"
        case .noDirectoryFlush:
            order = DiskRun.Order(.systemCalls)
            order.times = 2
        case .checksumOff, .lengthUnchecked:
            order = DiskRun.Order(.damage)
            order.only = "active segment"
        case .checksumOffInGroup:
            order = DiskRun.Order(.group)
            order.only = "master: sealed segment: a bit of a message in the middle"
        }
        order.environment = ["APUS_SABOTAGE=\(self.variable)"]
        order.stopsEarly = true
        return order
    }

    package func run(
        in directories: LabDirectories, tell: @escaping @Sendable (String) -> Void
    ) async throws -> Catch {
        let order = self.order
        let report = try await DiskRun.play(order, in: directories, tell: tell)
        guard report.outcome != .skipped else {
            throw LabError.failed("\(self.rawValue): \(report.reasons.joined(separator: "; "))")
        }
        let row = report.rows.first { !$0.isGood }
        return Catch(
            fault: self, suite: order.suite, seconds: report.seconds,
            problem: row.map { "\($0.what): \($0.problems.first ?? "")" })
    }

    package static func table(_ catches: [Catch]) -> String {
        MarkdownTable.text(
            head: ["fault", "suite", "caught after", "by"],
            rows: catches.map { caught in
                [
                    caught.fault.rawValue, caught.suite.rawValue,
                    Timeline.seconds(.seconds(caught.seconds)) + " s",
                    caught.problem ?? "NOT CAUGHT",
                ]
            })
    }
}
