internal import MessageFormat

extension HistoryEvent {
    package init(parsing line: UnsafeRawBufferPointer) throws(HistoryError) {
        let object = try FlatObject(parsing: line)
        self.init(
            at: Tick(nanoseconds: try object.integer("t", as: Int64.self)),
            try Kind(name: try object.string("e"), fields: object))
    }

    package init(parsing line: String) throws(HistoryError) {
        let parsed: Result<Self, HistoryError> = Array(line.utf8).withUnsafeBytes { bytes in
            Result { () throws(HistoryError) in try Self(parsing: bytes) }
        }
        self = try parsed.get()
    }
}

extension HistoryEvent.Kind {
    fileprivate init(name: String, fields: FlatObject) throws(HistoryError) {
        switch name {
        case "send?": self = .sendStarted(try fields.value(), topic: try fields.string("topic"))
        case "send!": self = try Self.sendEnded(fields)
        case "recv": self = .received(try fields.reception())
        case "ack?": self = .ackStarted(by: try fields.member(), try fields.position())
        case "ack!":
            self = .ackEnded(
                by: try fields.member(), try fields.position(),
                isCertain: try fields.boolean("certain"))
        case "commit":
            self = .committed(group: try fields.string("group"), try fields.position())
        case "assign": self = .assigned(try fields.member(), queues: try fields.queues())
        case "leave": self = .left(try fields.member())
        case "fault+": self = .faultBegan(try fields.fault())
        case "fault-":
            self = .faultEnded(try fields.fault(), proof: try fields.string("proof"))
        case "elect":
            self = .elected(
                Election(try fields.master(), epoch: try fields.integer("epoch", as: UInt32.self)))
        case "drain": self = .drained(try fields.position(), try fields.content())
        case "drain!":
            self = .drainEnded(
                try fields.queue(), min: try fields.offset("min"), max: try fields.offset("max"))
        default: self = try Self.ofFeature(name: name, fields)
        }
    }

    private static func ofFeature(name: String, _ fields: FlatObject) throws(HistoryError) -> Self {
        switch name {
        case "wish": .wished(try fields.value(), try fields.wish())
        case "again":
            .repeated(try fields.value(), attempts: try fields.integer("attempts", as: Int32.self))
        case "treat":
            .treated(
                try fields.value(), by: try fields.member(), try fields.position(),
                try fields.treatment())
        case "ask": .asked(try fields.value())
        case "dead":
            .buried(
                try fields.value(), try fields.position(), reason: try fields.string("reason"))
        case "replay": .replayed(try fields.value())
        default: throw .damaged("there is no event \"\(name)\"")
        }
    }

    private static func sendEnded(_ fields: FlatObject) throws(HistoryError) -> Self {
        let text = try fields.string("outcome")
        guard let outcome = SendOutcome(rawValue: text) else {
            throw .damaged("there is no outcome \"\(text)\"")
        }
        return .sendEnded(
            try fields.value(), outcome, status: try fields.string("status"),
            fields.has("queue") ? try fields.position() : nil, to: fields.optionalString("to"))
    }
}

extension FlatObject {
    fileprivate func value() throws(HistoryError) -> ValueID {
        let text = try self.string("value")
        guard let value = ValueID(text) else { throw .damaged("\"\(text)\" is no value") }
        return value
    }

    fileprivate func wish() throws(HistoryError) -> Wish {
        if self.has("after") { return .delayed(by: try self.duration("after")) }
        if self.has("at") { return .due(at: try self.tick("at")) }
        return .transaction(
            commits: try self.boolean("commit"), isLeftOpen: try self.boolean("open"))
    }

    fileprivate func treatment() throws(HistoryError) -> Treatment {
        let text = try self.string("as")
        switch text {
        case "done": return .done
        case "failed":
            return .failed(again: self.has("again") ? try self.duration("again") : nil)
        case "hidden": return .hidden(until: try self.tick("until"))
        case "uncertain": return .uncertain
        default: throw .damaged("there is no treatment \"\(text)\"")
        }
    }

    private func tick(_ name: String) throws(HistoryError) -> Tick {
        Tick(nanoseconds: try self.integer(name, as: Int64.self))
    }

    private func duration(_ name: String) throws(HistoryError) -> Duration {
        .nanoseconds(try self.integer(name, as: Int64.self))
    }

    fileprivate func queue() throws(HistoryError) -> MessageQueue {
        try Self.queue(self.string("queue"))
    }

    fileprivate func queues() throws(HistoryError) -> [MessageQueue] {
        var queues: [MessageQueue] = []
        for text in try self.strings("queues") { queues.append(try Self.queue(text)) }
        return queues
    }

    private static func queue(_ text: String) throws(HistoryError) -> MessageQueue {
        guard let queue = MessageQueue(text: text) else {
            throw .damaged("\"\(text)\" is no queue")
        }
        return queue
    }

    fileprivate func offset(_ name: String) throws(HistoryError) -> QueueOffset {
        QueueOffset(try self.integer(name, as: Int64.self))
    }

    fileprivate func position() throws(HistoryError) -> QueuePosition {
        QueuePosition(try self.queue(), try self.offset("offset"))
    }

    fileprivate func member() throws(HistoryError) -> Member {
        Member(consumer: try self.string("consumer"), group: try self.string("group"))
    }

    fileprivate func fault() throws(HistoryError) -> Fault {
        Fault(
            name: try self.string("fault"), target: try self.string("target"),
            master: self.has("brokerName") ? try self.master() : nil)
    }

    fileprivate func master() throws(HistoryError) -> MasterPlace {
        MasterPlace(group: try self.string("brokerName"), address: try self.string("address"))
    }

    fileprivate func content() throws(HistoryError) -> MessageContent {
        guard self.has("crc") else { return .value(try self.value()) }
        let checksum = try self.integer("crc", as: UInt32.self)
        guard let problem = self.optionalString("problem") else {
            return .foreign(checksum: checksum)
        }
        return .corrupt(checksum: checksum, problem: problem)
    }

    fileprivate func reception() throws(HistoryError) -> Reception {
        Reception(
            member: try self.member(), position: try self.position(), content: try self.content(),
            reconsumeTimes: self.has("reconsume")
                ? try self.integer("reconsume", as: Int32.self) : 0)
    }
}
