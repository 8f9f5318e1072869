package import Chaos

/// The verdict on a run of which several processes kept a history each: clients, and whoever
/// killed them. All of them read the machine's one clock.
package enum Judgement {
    /// - Parameters:
    ///   - workload: the history of the run that is judged.
    ///   - others: what else saw or broke it. A process that was killed leaves a torn last line.
    package static func verdict(on workload: String, with others: [String]) throws -> Verdict {
        let (header, own, isTorn) = try self.read(workload)
        guard let header else { throw LabError.failed("\(workload) has no header") }
        var events = own
        for path in others { events += try self.read(path).events }
        events.sort { $0.at < $1.at }
        var checker = Checker(run: header.run)
        for event in events { checker.observe(event) }
        if isTorn { checker.observeTornEnd() }
        return checker.verdict()
    }

    private static func read(
        _ path: String
    ) throws -> (header: HistoryHeader?, events: [HistoryEvent], isTorn: Bool) {
        var events: [HistoryEvent] = []
        var reader = HistoryReader()
        try reader.read(path: path, began: { _ in }, event: { events.append($0) })
        return (reader.header, events, reader.tornLine != nil)
    }
}
