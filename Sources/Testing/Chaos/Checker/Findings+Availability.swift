// How long sending stood still, and whether each fault left a proof.

extension Findings {
    mutating func checkAvailability() {
        let gaps = self.gaps()
        self.verdict.longestGapMilliseconds = Self.longest(gaps)
        for window in self.record.faults {
            let touched = gaps.filter { window.overlaps($0.start, $0.end) }
            let start = self.record.firstAt ?? 0
            self.verdict.faults.append(
                FaultReport(
                    name: window.fault.name, target: window.fault.target,
                    beganAtMilliseconds: Int((window.beganAt - start) / 1_000_000),
                    endedAtMilliseconds: window.endedAt.map { Int(($0 - start) / 1_000_000) },
                    longestGapMilliseconds: Self.longest(touched), proof: window.proof ?? ""))
            if window.proof?.isEmpty ?? true {
                let fault = "\(window.fault.name) \(window.fault.target)"
                self.doubt("fault \(fault) left no proof that it happened")
            }
        }
        for queue in self.undetermined.sorted() {
            let name = queue >= 0 ? self.record.queues[queue].text : "the topic"
            self.doubt("\(name) was not read back to its end")
        }
    }

    private struct Gap {
        var start: Int64
        var end: Int64
    }

    /// The times between two successful sends that followed each other, from the first send's
    /// begin to the last one's end.
    private func gaps() -> [Gap] {
        let own = self.record.attempts.filter { self.record.isOwn($0) && $0.sentAt != nil }
        var times = own.compactMap { $0.outcome == .acknowledged ? $0.answeredAt : nil }
        if let first = own.compactMap(\.sentAt).min() { times.append(first) }
        if let last = own.compactMap(\.answeredAt).max() { times.append(last) }
        times.sort()
        return zip(times, times.dropFirst()).map { Gap(start: $0, end: $1) }
    }

    private static func longest(_ gaps: [Gap]) -> Int {
        Int((gaps.map { $0.end - $0.start }.max() ?? 0) / 1_000_000)
    }
}
