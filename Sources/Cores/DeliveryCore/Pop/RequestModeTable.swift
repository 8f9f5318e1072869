package import MessageFormat

/// What an operator chose with `SET_MESSAGE_REQUEST_MODE` for a group and a topic.
package struct RequestModeChoice: Hashable, Sendable {
    package var group: String
    package var topic: String
    package var mode: RequestMode
    /// How many other members' queues each member pops, too; 0 or less: all.
    package var shareNumber: Int32

    package init(group: String, topic: String, mode: RequestMode, shareNumber: Int32) {
        self.group = group
        self.topic = topic
        self.mode = mode
        self.shareNumber = shareNumber
    }
}

/// Why a choice is not kept.
package enum RequestModeRefusal: Error, Hashable, Sendable {
    /// `NO_PERMISSION`: retry topics are always pulled.
    case retryTopic
    case illegalName
    case tableFull(choicesMax: Int)
}

/// Which groups pop which topics when the broker shares queues out. In the log.
package struct RequestModeTable: Sendable {
    private struct Pair: Hashable, Comparable {
        var group: String
        var topic: String

        static func < (left: Self, right: Self) -> Bool {
            (left.group, left.topic) < (right.group, right.topic)
        }
    }

    private struct Choice: Hashable {
        var mode: RequestMode
        var shareNumber: Int32
    }

    private let choicesMax: Int
    private var choices: [Pair: Choice] = [:]

    package init(choicesMax: Int = 100_000) { self.choicesMax = choicesMax }

    package func choice(group: String, topic: String) -> RequestModeChoice? {
        self.choices[Pair(group: group, topic: topic)].map {
            RequestModeChoice(
                group: group, topic: topic, mode: $0.mode, shareNumber: $0.shareNumber)
        }
    }

    /// All choices, sorted by group and topic.
    package var all: [RequestModeChoice] {
        self.choices.keys.sorted().compactMap { self.choice(group: $0.group, topic: $0.topic) }
    }

    /// Returns what the log must hold.
    package mutating func choose(
        _ choice: RequestModeChoice
    ) throws(RequestModeRefusal) -> StateRecord {
        guard !PopTopic.isRetry(choice.topic) else { throw .retryTopic }
        guard ResourceName.problem(withGroup: choice.group) == nil,
            ResourceName.problem(withTopic: choice.topic) == nil
        else { throw .illegalName }
        let pair = Pair(group: choice.group, topic: choice.topic)
        guard self.choices[pair] != nil || self.choices.count < self.choicesMax else {
            throw .tableFull(choicesMax: self.choicesMax)
        }
        self.choices[pair] = Choice(mode: choice.mode, shareNumber: choice.shareNumber)
        return self.records(of: [pair])[0]
    }

    /// A topic is gone. Returns what the log must hold.
    package mutating func removed(topic: String) -> [StateRecord] {
        self.remove { $0.topic == topic }
    }

    /// A group is gone. Returns what the log must hold.
    package mutating func removed(group: String) -> [StateRecord] {
        self.remove { $0.group == group }
    }

    private mutating func remove(where isGone: (Pair) -> Bool) -> [StateRecord] {
        let gone = self.choices.keys.filter(isGone).sorted()
        for pair in gone { self.choices[pair] = nil }
        return self.records(of: gone)
    }

    /// The whole table. Apply it to a fresh value.
    package func snapshotRecords() -> [StateRecord] {
        self.records(of: self.choices.keys.sorted())
    }

    /// Applies a record of the log. False: the kind is somebody else's.
    ///
    /// A record that cannot be read changes nothing.
    package mutating func apply(
        kind: UInt16, payload: UnsafeRawBufferPointer
    ) throws(StateRecordError) -> Bool {
        guard kind == PopRecordKind.requestModes.rawValue else { return false }
        var reader = try StateReader(payload)
        var changes: [(pair: Pair, choice: Choice?)] = []
        while !reader.isAtEnd {
            let group = try reader.text("group")
            let pair = Pair(group: group, topic: try reader.text("topic"))
            guard !pair.group.isEmpty, !pair.topic.isEmpty else {
                throw .illegalValue(field: "name")
            }
            let mode = try reader.integer(UInt8.self)
            let shareNumber = try reader.integer(Int32.self)
            switch mode {
            case 0: changes.append((pair, Choice(mode: .pull, shareNumber: shareNumber)))
            case 1: changes.append((pair, Choice(mode: .pop, shareNumber: shareNumber)))
            case 2: changes.append((pair, nil))
            default: throw .illegalValue(field: "mode")
            }
        }
        for (pair, choice) in changes { self.choices[pair] = choice }
        return true
    }

    /// What the table says of these now.
    private func records(of pairs: [Pair]) -> [StateRecord] {
        var records = PopRecordList(.requestModes)
        for pair in pairs {
            let choice = self.choices[pair]
            records.append { writer in
                writer.put(pair.group)
                writer.put(pair.topic)
                writer.put(choice.map { $0.mode == .pop ? UInt8(1) : 0 } ?? 2)
                writer.put(choice?.shareNumber ?? 0)
            }
        }
        return records.finish()
    }
}
