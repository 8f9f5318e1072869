package import MessageFormat

// From disk to the brokers.
extension SpoolPlanner {
    /// Time has passed.
    package mutating func advance(to now: Tick) -> [Effect] {
        self.lines.keys.sorted().flatMap { self.drain($0, at: now) }
    }

    /// A broker answered, or a route changed: no pause is needed any more.
    package mutating func clusterIsBack(at now: Tick) -> [Effect] {
        for topic in self.lines.keys {
            self.lines[topic]?.retryAt = now
            self.lines[topic]?.failures = 0
        }
        return self.advance(to: now)
    }

    package var nextWakeAt: Tick? {
        self.lines.values.filter { $0.next != nil }.map(\.retryAt).min()
    }

    /// The write is on disk for good.
    package mutating func written(_ write: UInt64, at now: Tick) -> [Effect] {
        switch self.writes.removeValue(forKey: write) {
        case nil: return []
        case .marks: return self.marked(write)
        case .message(let admission, let place):
            self.progress.spooled += 1
            self.lines[admission.topic]?.writing.remove(admission.sequence)
            _ = self.lines[admission.topic]?.insert(admission.sequence, place)
            return [.accepted(admission)] + self.drain(admission.topic, at: now)
        }
    }

    /// The write may be on disk or not. Nothing is written after it; what is on disk is drained.
    package mutating func writeFailed(_ write: UInt64, at now: Tick) -> [Effect] {
        guard let failed = self.writes.removeValue(forKey: write) else { return [] }
        self.files.isBroken = true
        self.progress.isDiskBroken = true
        self.marks = []
        guard case .message(let admission, let place) = failed else { return self.marked(write) }
        self.lines[admission.topic]?.writing.remove(admission.sequence)
        self.progress.refused += 1
        self.forget(place)
        return [.refused(admission, .diskFailed)] + self.drain(admission.topic, at: now)
            + self.close(admission.topic)
    }

    /// The attempt to send a spooled message ended, with all its retries.
    package mutating func drained(
        _ admission: Admission, _ outcome: AttemptOutcome, at now: Tick
    ) -> [Effect] {
        guard let outstanding = self.outstanding(admission, isSetAside: false) else { return [] }
        guard let failure = outcome.failure else {
            self.progress.drained += 1
            return self.finish(admission, outstanding, at: now)
        }
        if failure.isRetryable || failure.kind == .local {
            return self.putBack(admission, outstanding, at: now)
        }
        self.lines[admission.topic]?.outstanding?.isSetAside = true
        return [.setAside(admission, outstanding.place, failure)]
    }

    package mutating func wasSetAside(
        _ admission: Admission, isStored: Bool, at now: Tick
    ) -> [Effect] {
        guard let outstanding = self.outstanding(admission, isSetAside: true) else { return [] }
        guard isStored else { return self.putBack(admission, outstanding, at: now) }
        self.progress.setAside += 1
        return self.finish(admission, outstanding, at: now)
    }

    /// The record cannot be read any more. The others go on; its file is kept aside in the end.
    package mutating func unreadable(_ admission: Admission, at now: Tick) -> [Effect] {
        guard let outstanding = self.outstanding(admission, isSetAside: false) else { return [] }
        self.progress.unreadable += 1
        self.files.damaged(outstanding.place.segment)
        return self.finish(admission, outstanding, at: now)
    }
}

extension SpoolPlanner {
    /// Sends the topic's next message if it is its turn.
    mutating func drain(_ topic: String, at now: Tick) -> [Effect] {
        // Only parts of the line are copied: a copy of it alive would copy all that waits.
        guard let retryAt = self.lines[topic]?.retryAt, retryAt <= now,
            let next = self.lines[topic]?.next
        else {
            if self.lines[topic]?.isEmpty == true { self.lines[topic] = nil }
            return []
        }
        self.lines[topic]?.takeFirst()
        self.lines[topic]?.outstanding = SpoolLine.Outstanding(
            sequence: next.sequence, place: next.place)
        return [.send(Admission(topic: topic, sequence: next.sequence), next.place)]
    }

    private func outstanding(
        _ admission: Admission, isSetAside: Bool
    ) -> SpoolLine.Outstanding? {
        guard let outstanding = self.lines[admission.topic]?.outstanding,
            outstanding.sequence == admission.sequence, outstanding.isSetAside == isSetAside
        else { return nil }
        return outstanding
    }

    private mutating func putBack(
        _ admission: Admission, _ outstanding: SpoolLine.Outstanding, at now: Tick
    ) -> [Effect] {
        let failures = self.lines[admission.topic]?.failures ?? 0
        var pause = self.settings.pauseFirst
        for _ in 0..<min(failures, 16) where pause < self.settings.pauseMax { pause *= 2 }
        self.lines[admission.topic]?.outstanding = nil
        self.lines[admission.topic]?.failures += 1
        self.lines[admission.topic]?.retryAt = now + min(pause, self.settings.pauseMax)
        _ = self.lines[admission.topic]?.insert(outstanding.sequence, outstanding.place)
        return []
    }

    private mutating func finish(
        _ admission: Admission, _ outstanding: SpoolLine.Outstanding, at now: Tick
    ) -> [Effect] {
        self.lines[admission.topic]?.outstanding = nil
        self.lines[admission.topic]?.failures = 0
        self.lines[admission.topic]?.retryAt = now
        self.forget(outstanding.place)
        if !self.files.isBroken { self.marks.append(outstanding.sequence) }
        // Before anything else: a line without a trace of what it held would be forgotten.
        let marks = self.close(admission.topic)
        return marks + self.drain(admission.topic, at: now) + self.removeFiles()
    }

    private mutating func forget(_ place: SpoolPlace) {
        self.files.done(place)
        self.progress.messages -= 1
        self.progress.messageBytes -= place.count
    }

    /// Notes on disk what is done: when much has gathered, and before a topic leaves the spool.
    private mutating func close(_ topic: String) -> [Effect] {
        let isDrained = self.lines[topic]?.isDrained == true
        guard !self.marks.isEmpty, isDrained || self.marks.count >= self.settings.marksMax else {
            if isDrained, self.lines[topic]?.isEmpty == true { self.lines[topic] = nil }
            return []
        }
        let (write, _, effect) = self.append(.done(self.marks))
        self.marks = []
        self.writes[write] = .marks
        if isDrained { self.lines[topic]?.closing = write }
        return [effect]
    }

    /// The topics that waited for this write are out of the spool, if nothing was added meanwhile.
    private mutating func marked(_ write: UInt64) -> [Effect] {
        for topic in self.lines.keys.sorted() where self.lines[topic]?.closing == write {
            self.lines[topic]?.closing = nil
            if self.lines[topic]?.isEmpty == true { self.lines[topic] = nil }
        }
        return self.removeFiles()
    }

    private mutating func removeFiles() -> [Effect] {
        let isQuiet = self.writes.isEmpty && self.marks.isEmpty
        return self.files.removable(isQuiet: isQuiet).map {
            $0.isDamaged ? .quarantine(segment: $0.segment) : .remove(segment: $0.segment)
        }
    }

    package var figures: Progress {
        var figures = self.progress
        figures.fileBytes = self.files.bytes
        figures.topics = self.lines.values.count(where: \.isSpooling)
        return figures
    }

    package func checkInvariants() {
        for line in self.lines.values { line.checkInvariants() }
        self.files.checkInvariants()
        precondition(self.files.messages == self.progress.messages, "files hold the messages")
        precondition(self.progress.messages <= self.settings.messagesMax, "the count is bounded")
    }
}
