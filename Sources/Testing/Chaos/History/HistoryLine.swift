package import MessageFormat

// The text of a history: one JSON object a line, the header first. `t` is the time in nanoseconds
// of the machine's monotonic clock, `e` the event. Queues are written `topic@broker/id`.

/// Why a history cannot be read.
package enum HistoryError: Error, Hashable, Sendable {
    case damaged(String)
    case damagedLine(Int, String)
    case cannotRead(path: String, errno: Int32)
    case cannotWrite(path: String, errno: Int32)
}

extension HistoryHeader {
    package var line: String {
        var line = JSONLine()
        line.add("history", 1)
        line.add("run", self.run)
        line.add("seed", String(self.seed))
        line.add("startedAt", self.startedAt.milliseconds)
        line.add("versions", self.versions)
        line.add("configuration", self.configuration)
        return line.finished
    }

    package init(parsing line: UnsafeRawBufferPointer) throws(HistoryError) {
        let object = try FlatObject(parsing: line)
        guard try object.integer("history", as: Int.self) == 1 else {
            throw .damaged("this is a history of another format version than 1")
        }
        // Text, as a reader of JSON may round a number of this size.
        guard let seed = UInt64(try object.string("seed")) else {
            throw .damaged("the seed is no number")
        }
        self.init(
            run: try object.string("run"), seed: seed,
            startedAt: Timestamp(milliseconds: try object.integer("startedAt", as: Int64.self)),
            versions: try object.string("versions"),
            configuration: try object.string("configuration"))
    }
}

extension HistoryEvent {
    /// The event as one line, without its line feed.
    package var line: String {
        var line = JSONLine()
        line.add("t", self.at.nanoseconds)
        line.add("e", self.kind.name)
        self.kind.addFields(to: &line)
        return line.finished
    }
}

extension HistoryEvent.Kind {
    fileprivate var name: String {
        switch self {
        case .sendStarted: "send?"
        case .sendEnded: "send!"
        case .received: "recv"
        case .ackStarted: "ack?"
        case .ackEnded: "ack!"
        case .committed: "commit"
        case .assigned: "assign"
        case .left: "leave"
        case .faultBegan: "fault+"
        case .faultEnded: "fault-"
        case .elected: "elect"
        case .drained: "drain"
        case .drainEnded: "drain!"
        case .wished: "wish"
        case .repeated: "again"
        case .treated: "treat"
        case .asked: "ask"
        case .buried: "dead"
        case .replayed: "replay"
        }
    }

    fileprivate func addFields(to line: inout JSONLine) {
        switch self {
        case .sendStarted(let value, let topic):
            line.add("value", value.description)
            line.add("topic", topic)
        case .sendEnded(let value, let outcome, let status, let position, let address):
            line.add("value", value.description)
            line.add("outcome", outcome.rawValue)
            line.add("status", status)
            if let position { line.add(position) }
            if let address { line.add("to", address) }
        case .received(let reception):
            line.add(reception.member)
            line.add(reception.position)
            line.add(reception.content)
            if reception.reconsumeTimes > 0 { line.add("reconsume", reception.reconsumeTimes) }
        case .ackStarted(let member, let position):
            line.add(member)
            line.add(position)
        case .ackEnded(let member, let position, let isCertain):
            line.add(member)
            line.add(position)
            line.add("certain", isCertain)
        case .committed(let group, let position):
            line.add("group", group)
            line.add(position)
        case .assigned(let member, let queues):
            line.add(member)
            line.add("queues", queues.map(\.text))
        case .left(let member):
            line.add(member)
        case .faultBegan(let fault):
            line.add(fault)
        case .faultEnded(let fault, let proof):
            line.add(fault)
            line.add("proof", proof)
        case .elected(let election):
            line.add(election.master)
            line.add("epoch", election.epoch)
        case .drained(let position, let content):
            line.add(position)
            line.add(content)
        case .drainEnded(let queue, let min, let max):
            line.add("queue", queue.text)
            line.add("min", min.value)
            line.add("max", max.value)
        default: self.addFeatureFields(to: &line)
        }
    }
}

// What only the workloads of features write.
extension HistoryEvent.Kind {
    private func addFeatureFields(to line: inout JSONLine) {
        switch self {
        case .wished(let value, let wish):
            line.add("value", value.description)
            line.add(wish)
        case .repeated(let value, let attempts):
            line.add("value", value.description)
            line.add("attempts", attempts)
        case .treated(let value, let member, let position, let treatment):
            line.add("value", value.description)
            line.add(member)
            line.add(position)
            line.add(treatment)
        case .asked(let value), .replayed(let value):
            line.add("value", value.description)
        case .buried(let value, let position, let reason):
            line.add("value", value.description)
            line.add(position)
            line.add("reason", reason)
        default: break
        }
    }
}

extension JSONLine {
    fileprivate mutating func add(_ wish: Wish) {
        switch wish {
        case .delayed(let delay): self.add("after", Tick(delay).nanoseconds)
        case .due(let at): self.add("at", at.nanoseconds)
        case .transaction(let commits, let isLeftOpen):
            self.add("commit", commits)
            self.add("open", isLeftOpen)
        }
    }

    fileprivate mutating func add(_ treatment: Treatment) {
        switch treatment {
        case .done: self.add("as", "done")
        case .failed(let delay):
            self.add("as", "failed")
            if let delay { self.add("again", Tick(delay).nanoseconds) }
        case .hidden(let until):
            self.add("as", "hidden")
            self.add("until", until.nanoseconds)
        case .uncertain: self.add("as", "uncertain")
        }
    }

    fileprivate mutating func add(_ position: QueuePosition) {
        self.add("queue", position.queue.text)
        self.add("offset", position.offset.value)
    }

    fileprivate mutating func add(_ member: Member) {
        self.add("consumer", member.consumer)
        self.add("group", member.group)
    }

    fileprivate mutating func add(_ fault: Fault) {
        self.add("fault", fault.name)
        self.add("target", fault.target)
        if let master = fault.master { self.add(master) }
    }

    fileprivate mutating func add(_ master: MasterPlace) {
        self.add("brokerName", master.group)
        self.add("address", master.address)
    }

    fileprivate mutating func add(_ content: MessageContent) {
        switch content {
        case .value(let value): self.add("value", value.description)
        case .foreign(let checksum): self.add("crc", checksum)
        case .corrupt(let checksum, let problem):
            self.add("crc", checksum)
            self.add("problem", problem)
        }
    }
}

extension MessageQueue {
    /// `topic@broker/id`, the form in which histories and stories name a queue.
    package var text: String { "\(self.topic)@\(self.brokerName)/\(self.queueID)" }

    package init?(text: String) {
        guard let at = text.firstIndex(of: "@"), let slash = text.lastIndex(of: "/"), at < slash,
            let queueID = Int32(text[text.index(after: slash)...])
        else { return nil }
        self.init(
            topic: String(text[..<at]), brokerName: String(text[text.index(after: at)..<slash]),
            queueID: queueID)
    }
}
