// The wire's form (`flows.md` §14): fields separated by U+0001, each record ended by U+0002.
extension TraceRecord {
    var text: String {
        self.fields.map { $0.isEmpty ? "null" : $0 }.joined(separator: "\u{1}") + "\u{2}"
    }

    private var fields: [String] {
        switch self {
        case .sent(let record):
            [
                "Pub", "\(record.timestamp)", record.region, record.group, record.topic,
                record.messageID, record.tag, record.keys, record.storeHost,
                "\(record.bodyBytes)", "\(record.milliseconds)", "\(record.kind.rawValue)",
                record.offsetMessageID, "\(record.succeeded)",
            ]
        case .received(let record):
            [
                "SubBefore", "\(record.timestamp)", record.region, record.group,
                record.requestID, record.messageID, "\(record.reconsumeTimes)", record.keys,
            ]
        case .handled(let record):
            [
                "SubAfter", record.requestID, record.messageID, "\(record.milliseconds)",
                "\(record.succeeded)", record.keys, "\(record.outcome.rawValue)",
            ] + (record.timestamp.map { ["\($0)", record.group ?? ""] } ?? [])
        case .transactionEnded(let record):
            [
                "EndTransaction", "\(record.timestamp)", record.region, record.group,
                record.topic, record.messageID, record.tag, record.keys, record.storeHost,
                "\(Kind.transactionCommit.rawValue)", record.transactionID,
                record.outcome.traceName, "\(record.wasAsked)",
            ]
        case .recalled(let record):
            [
                "Recall", "\(record.timestamp)", record.region, record.group, record.topic,
                record.messageID, "\(record.succeeded)",
            ]
        }
    }

    /// The records of a trace message's body. What cannot be understood is left out: other
    /// versions write other fields.
    public static func records(in body: [UInt8]) -> [TraceRecord] {
        String(decoding: body, as: UTF8.self).split(separator: "\u{2}").compactMap {
            TraceRecord(parsing: $0)
        }
    }

    init?(parsing text: Substring) {
        var fields = TraceFields(text)
        switch fields.next() {
        case "Pub": self.init(sent: &fields)
        case "SubBefore": self.init(received: &fields)
        case "SubAfter": self.init(handled: &fields)
        case "EndTransaction": self.init(transaction: &fields)
        case "Recall": self.init(recalled: &fields)
        default: return nil
        }
        // Fields that are missing read as nothing: a record without an id is none.
        guard !self.messageID.isEmpty else { return nil }
    }

    private init(sent fields: inout TraceFields) {
        self = .sent(
            Sent(
                timestamp: fields.number(), region: fields.next(), group: fields.next(),
                topic: fields.next(), messageID: fields.next(), tag: fields.next(),
                keys: fields.next(), storeHost: fields.next(),
                bodyBytes: Int(clamping: fields.number()), milliseconds: fields.number(),
                kind: Kind(rawValue: Int(clamping: fields.number())) ?? .normal,
                offsetMessageID: fields.next(), succeeded: fields.next() == "true"))
    }

    private init(received fields: inout TraceFields) {
        self = .received(
            Received(
                timestamp: fields.number(), region: fields.next(), group: fields.next(),
                requestID: fields.next(), messageID: fields.next(),
                reconsumeTimes: Int(clamping: fields.number()), keys: fields.next()))
    }

    private init(handled fields: inout TraceFields) {
        var record = Handled(
            requestID: fields.next(), messageID: fields.next(), milliseconds: fields.number(),
            succeeded: fields.next() == "true", keys: fields.next(),
            outcome: Outcome(rawValue: Int(clamping: fields.number())) ?? .failed)
        record.timestamp = Int64(fields.next())
        record.group = record.timestamp == nil ? nil : fields.next()
        self = .handled(record)
    }

    private init(transaction fields: inout TraceFields) {
        var record = TransactionEnded(
            timestamp: fields.number(), region: fields.next(), group: fields.next(),
            topic: fields.next(), messageID: fields.next(), tag: fields.next(),
            keys: fields.next(), storeHost: fields.next(), transactionID: "", outcome: .unknown,
            wasAsked: false)
        _ = fields.next()  // always the same kind
        record.transactionID = fields.next()
        record.outcome = TransactionOutcome(traceName: fields.next())
        record.wasAsked = fields.next() == "true"
        self = .transactionEnded(record)
    }

    private init(recalled fields: inout TraceFields) {
        self = .recalled(
            Recalled(
                timestamp: fields.number(), region: fields.next(), group: fields.next(),
                topic: fields.next(), messageID: fields.next(),
                succeeded: fields.next() == "true"))
    }
}

/// One field after the other. Those that are not there read as nothing, and so does `null`.
private struct TraceFields {
    private var left: ArraySlice<Substring>

    init(_ text: Substring) {
        self.left = text.split(separator: "\u{1}", omittingEmptySubsequences: false)[...]
    }

    mutating func next() -> String {
        let field = self.left.popFirst() ?? ""
        return field == "null" ? "" : String(field)
    }

    mutating func number() -> Int64 { Int64(self.next()) ?? 0 }
}

extension TransactionOutcome {
    fileprivate var traceName: String {
        switch self {
        case .commit: "COMMIT_MESSAGE"
        case .rollback: "ROLLBACK_MESSAGE"
        case .unknown: "UNKNOW"
        }
    }

    fileprivate init(traceName: String) {
        switch traceName {
        case "COMMIT_MESSAGE": self = .commit
        case "ROLLBACK_MESSAGE": self = .rollback
        default: self = .unknown
        }
    }
}
