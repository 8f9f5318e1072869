import MessageFormat
import RemotingProtocol
import Storage

extension StoreReport {
    var text: String {
        var lines = ["\(self.kind.rawValue) directory \(self.directory)"]
        lines += self.log?.lines ?? []
        lines += self.raft?.lines ?? []
        lines += self.notes.map { "note          \($0)" }
        for damage in self.damages {
            let place = damage.offset.map { " at byte \($0)" } ?? ""
            lines += [
                "", "DAMAGE        \(damage.file)\(place): \(damage.what)",
                "              \(damage.means)",
            ]
        }
        if self.damageCount > self.damages.count {
            lines += ["", "and \(self.damageCount - self.damages.count) more"]
        }
        lines += ["", "verdict       \(self.verdict)"]
        return lines.joined(separator: "\n")
    }

    private var verdict: String {
        self.isSound
            ? "sound: every byte is what was written"
            : "DAMAGED in \(self.damageCount) place\(self.damageCount == 1 ? "" : "s")"
    }

    var json: JSONValue {
        [
            "kind": .string(self.kind.rawValue), "directory": .string(self.directory),
            "sound": .bool(self.isSound), "log": self.log?.json ?? .null,
            "raft": self.raft?.json ?? .null, "notes": .strings(self.notes),
            "damageCount": .integer(Int64(self.damageCount)),
            "damages": .array(
                self.damages.map { damage in
                    [
                        "file": .string(damage.file),
                        "offset": damage.offset.map { .integer($0) } ?? .null,
                        "what": .string(damage.what), "means": .string(damage.means),
                    ]
                }),
        ]
    }
}

extension LogFacts {
    fileprivate var lines: [String] {
        let states = self.segments.map(\.state)
        let sealed = states.count { $0 == .sealed }
        let indexes = self.segments.count { $0.hasIndex }
        return [
            "log           \(String(self.logID, radix: 16)), "
                + "\(self.start.bytes) to \(self.end.bytes)",
            "segments      \(states.count) of \(self.segmentBytes) bytes: \(sealed) full, "
                + "\(states.count { $0 == .spare }) spare, \(indexes) with an index file",
            "batches       \(self.batches)",
            "messages      \(self.messages) in \(self.queues.count) queues of \(self.topics) topics",
            "epochs        " + self.epochText,
            "confirmed     "
                + (self.confirmed.map { "\($0.bytes)" } ?? "not known (no controllers, or new)"),
            "tail          " + self.tailText,
        ]
    }

    private var epochText: String {
        guard let last = self.epochs.last else { return "none" }
        let few = self.epochs.suffix(5).map { "\($0.epoch.value) from \($0.start.bytes)" }
        let earlier = self.epochs.count > few.count ? "\(self.epochs.count) up to now, " : ""
        return earlier + few.joined(separator: ", ") + "; the last is \(last.epoch.value)"
    }

    private var tailText: String {
        switch self.tail {
        case .clean: "clean"
        case .torn(let position, let reason):
            "torn at \(position.bytes) (\(reason)): a crash cut off a write; the next start "
                + "cuts the log off there"
        }
    }

    fileprivate var json: JSONValue {
        var torn: (position: JSONValue, reason: JSONValue) = (.null, .null)
        if case .torn(let position, let reason) = self.tail {
            torn = (.integer(position.bytes), .string(reason))
        }
        return [
            "logId": .string(String(self.logID, radix: 16)),
            "segmentBytes": .integer(Int64(self.segmentBytes)),
            "start": .integer(self.start.bytes), "end": .integer(self.end.bytes),
            "batches": .integer(Int64(self.batches)), "messages": .integer(Int64(self.messages)),
            "topics": .integer(Int64(self.topics)),
            "confirmed": self.confirmed.map { .integer($0.bytes) } ?? .null,
            "masterEpoch": self.masterEpoch.map { .integer(Int64($0.value)) } ?? .null,
            "tornAt": torn.position, "tornReason": torn.reason,
            "segments": .array(self.segments.map(\.json)),
            "epochs": .array(
                self.epochs.map {
                    [
                        "epoch": .integer(Int64($0.epoch.value)),
                        "start": .integer($0.start.bytes),
                    ]
                }),
            "queues": .array(
                self.queues.map {
                    [
                        "topic": .string($0.key.topic), "queue": .integer(Int64($0.key.queueID)),
                        "first": .integer($0.first.value), "end": .integer($0.end.value),
                        "messages": .integer(Int64($0.messages)),
                    ]
                }),
        ]
    }
}

extension LogFacts.Segment {
    fileprivate var json: JSONValue {
        [
            "base": .integer(self.base.bytes), "state": .string(self.state.rawValue),
            "end": .integer(self.end.bytes), "batches": .integer(Int64(self.batches)),
            "messages": .integer(Int64(self.messages)), "index": .bool(self.hasIndex),
        ]
    }
}

extension RaftFacts {
    fileprivate var lines: [String] {
        [
            "member        \(self.node) of group \(self.group)",
            "term          \(self.term)",
            "snapshot      " + (self.snapshotIndex.map { "up to entry \($0)" } ?? "none yet"),
            "entries       \(self.entries), the last is \(self.lastIndex)",
            "tail          "
                + (self.tornBytes == 0
                    ? "clean" : "torn: a crash cut off a write of \(self.tornBytes) bytes"),
        ]
    }

    fileprivate var json: JSONValue {
        [
            "group": .string(self.group), "node": .string(self.node),
            "term": .integer(Int64(clamping: self.term)),
            "snapshotIndex": self.snapshotIndex.map { .integer(Int64(clamping: $0)) } ?? .null,
            "entries": .integer(Int64(self.entries)),
            "lastIndex": .integer(Int64(clamping: self.lastIndex)),
            "tornBytes": .integer(Int64(self.tornBytes)),
        ]
    }
}
