internal import MessageFormat

// How long sending stood still, and whether each fault left a proof.

extension Findings {
    /// A takeover may end a little after the fault has.
    private static let takeoverAfterMending: Int64 = 3_000_000_000

    mutating func checkAvailability() {
        let own = self.record.attempts.filter { self.record.isOwn($0) && $0.sentAt != nil }
        let gaps = Self.gaps(between: own.compactMap(Self.acknowledgedAt), of: own)
        self.verdict.longestGapMilliseconds = Self.longest(gaps)
        let groups = self.gapsOfGroups(own)
        self.verdict.longestGapsByGroup = groups.mapValues(Self.longest)
        for window in self.record.faults {
            let touched = gaps.filter { window.overlaps($0.start, $0.end) }
            let start = self.record.firstAt ?? 0
            self.verdict.faults.append(
                FaultReport(
                    name: window.fault.name, target: window.fault.target,
                    beganAtMilliseconds: Int((window.beganAt - start) / 1_000_000),
                    endedAtMilliseconds: window.endedAt.map { Int(($0 - start) / 1_000_000) },
                    longestGapMilliseconds: Self.longest(touched),
                    longestGroupGapMilliseconds: Self.longest(
                        groups.values.joined().filter { window.overlaps($0.start, $0.end) }),
                    takenOverMilliseconds: self.takenOver(window, own), proof: window.proof ?? ""))
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

    /// Each broker group by itself: one that stands still hides behind the others.
    private func gapsOfGroups(_ own: [Record.Attempt]) -> [String: [Gap]] {
        var times: [String: [Int64]] = [:]
        for attempt in own {
            guard let place = attempt.place, let at = Self.acknowledgedAt(attempt) else { continue }
            times[self.record.queues[place.queue].brokerName, default: []].append(at)
        }
        return times.mapValues { Self.gaps(between: $0, of: own) }
    }

    /// The fault's own takeover: a later one belongs to what happened later.
    private func takenOver(_ window: Record.FaultWindow, _ own: [Record.Attempt]) -> Int? {
        guard let struck = window.fault.master else { return nil }
        let next = self.record.faults.map(\.beganAt).filter { $0 > window.beganAt }.min() ?? .max
        let mended = window.endedAt ?? .max - Self.takeoverAfterMending
        let end = min(next, mended + Self.takeoverAfterMending)
        let first = own.compactMap { attempt -> Int64? in
            guard let place = attempt.place, let at = Self.acknowledgedAt(attempt),
                at > window.beganAt, at < end, attempt.broker >= 0,
                self.record.queues[place.queue].brokerName == struck.group,
                self.record.brokers[attempt.broker] != struck.address
            else { return nil }
            return at
        }.min()
        return first.map { Int(($0 - window.beganAt) / 1_000_000) }
    }

    private static func acknowledgedAt(_ attempt: Record.Attempt) -> Int64? {
        attempt.outcome == .acknowledged ? attempt.answeredAt : nil
    }

    /// The times between two successful sends that followed each other, from the first send's
    /// begin to the last one's end.
    private static func gaps(between times: [Int64], of own: [Record.Attempt]) -> [Gap] {
        var times = times
        if let first = own.compactMap(\.sentAt).min() { times.append(first) }
        if let last = own.compactMap(\.answeredAt).max() { times.append(last) }
        times.sort()
        return zip(times, times.dropFirst()).map { Gap(start: $0, end: $1) }
    }

    private static func longest(_ gaps: [Gap]) -> Int {
        Int((gaps.map { $0.end - $0.start }.max() ?? 0) / 1_000_000)
    }
}
