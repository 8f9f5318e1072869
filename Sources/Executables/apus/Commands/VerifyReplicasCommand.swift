import ArgumentParser
import RemotingProtocol

struct VerifyReplicasCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "replicas",
        abstract: "Compare the log files of a group's brokers, byte for byte.",
        discussion: """
            Reads the files themselves, whether their brokers run or not: checks every batch and \
            compares all logs of a group from the highest start to the lowest end. A broker that \
            was dead for long may have a tail of its own that was never confirmed; it is cut off \
            when the broker comes back. To leave it out, name the confirm offset with --up-to.

            Exits 0 if every group's logs are identical, 1 if not.

            Examples:
              apus verify replicas cluster/run/default/data
              apus verify replicas /disk1/broker-a-1 /disk2/broker-a-2 /disk3/broker-a-3
            """)

    @Argument(
        help: """
            Directories of brokers, directories with such directories in them, or the name of a \
            cluster that cluster/launch has started.
            """)
    var directories: [String]
    @Option(help: "Compare nothing from this position on.")
    var upTo: Int64?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard !self.directories.isEmpty else { throw ValidationError("Name a directory.") }
    }

    func perform() async throws {
        let logs = try self.directories.flatMap(Self.stores).map { directory in
            try StoredLog(directory: directory)
        }
        let groups = Dictionary(grouping: logs) { $0.group ?? "log \(String($0.logID, radix: 16))" }
        let comparisons = groups.sorted { $0.key < $1.key }.map {
            ReplicaComparison(group: $0.key, logs: $0.value, limit: self.upTo)
        }
        if self.output.json {
            Terminal.print(.array(comparisons.map(\.json)))
        } else {
            Terminal.print(comparisons.map(\.text).joined(separator: "\n\n"))
        }
        guard comparisons.allSatisfy({ $0.finding == .identical }) else {
            throw ExitCode(ExitStatus.negative.rawValue)
        }
    }

    /// The brokers' directories that the argument means.
    private static func stores(_ argument: String) throws(CommandFailure) -> [String] {
        if StoredLog.isLog(argument) { return [argument] }
        for parent in [argument, "\(argument)/data", "cluster/run/\(argument)/data"] {
            let children = StoredFile.names(in: parent).map { "\(parent)/\($0)" }
            let logs = children.filter(StoredLog.isLog)
            if !logs.isEmpty { return logs }
        }
        throw CommandFailure(
            .negative, "cannot compare \(argument)", because: "there is no broker's log in it",
            try: "name directories of brokers, as storePathRootDir has them")
    }
}

extension ReplicaComparison {
    fileprivate var text: String {
        var table = Table("BROKER", "FROM", "TO", "EPOCH")
        for (log, extent) in zip(self.logs, self.extents) {
            table.add(log.directory, "\(extent.start)", "\(extent.end)", "\(extent.lastEpoch)")
        }
        return "\(self.group): \(self.sentence)\n\(table.text)"
    }

    private var sentence: String {
        switch self.finding {
        case .identical:
            "\(self.logs.count) logs, identical from \(self.range.lowerBound) to "
                + "\(self.range.upperBound)"
        case .differentLogs: "DIFFERENT: these are not copies of one log"
        case .differ(let position, let directory):
            "DIFFERENT at position \(position) in \(directory)"
        case .damaged(let directory, let damage): "DAMAGED: \(damage) in \(directory)"
        }
    }

    fileprivate var json: JSONValue {
        let logs = zip(self.logs, self.extents).map { log, extent -> JSONValue in
            [
                "directory": .string(log.directory), "start": .integer(extent.start),
                "end": .integer(extent.end), "epoch": .integer(Int64(extent.lastEpoch)),
            ]
        }
        return [
            "group": .string(self.group), "identical": .bool(self.finding == .identical),
            "from": .integer(self.range.lowerBound), "to": .integer(self.range.upperBound),
            "finding": .string(self.sentence), "logs": .array(logs),
        ]
    }
}
