import ArgumentParser
import Chaos
import Glibc
import MessageFormat
import RemotingProtocol

struct BenchDisk: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "disk", abstract: "Measure this disk's limit for durable writes.",
        discussion: """
            One pwrite and one fdatasync for a group of records into a file that was zeroed before, \
            as a broker with SYNC_FLUSH does at best. Needs no server. A latency is that of one \
            flush.

            Example:
              apus bench disk --directory /var/lib/apus --size 1024 --duration 8s
            """)

    /// Bytes of the file; writing begins again at its front when it is full.
    private static let fileBytes = 128 << 20
    private static let groups = [1, 16, 64, 256]

    @Option(help: "Bytes of a record.")
    var size: Int = 1024
    @Option(help: "How long to measure, all group sizes together.")
    var duration = DurationArgument(.seconds(8))
    @Option(help: "Where to put the file, which is deleted afterwards.")
    var directory: String = "."
    @OptionGroup var output: OutputOptions
    @OptionGroup var progress: ProgressOptions

    func validate() throws {
        guard (1...(128 << 10)).contains(self.size) else {
            throw ValidationError("--size must lie between 1 and 131072 bytes.")
        }
    }

    func perform() async throws {
        let line = ProgressLine(self.progress) { "writing to \(self.directory)" }
        let results: [(group: Int, result: BenchResult)]
        do {
            results = try self.measureAll()
        } catch {
            await line.finish()
            throw error
        }
        await line.finish()
        self.report(results)
    }

    private func measureAll() throws(CommandFailure) -> [(group: Int, result: BenchResult)] {
        let path = "\(self.directory)/apus-bench-disk.\(getpid())"
        let file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw self.failure("cannot create \(path)") }
        defer {
            close(file)
            unlink(path)
        }
        try self.zero(file)
        var results: [(group: Int, result: BenchResult)] = []
        for group in Self.groups {
            results.append((group, try self.measure(group, in: file)))
        }
        return results
    }

    private func zero(_ file: Int32) throws(CommandFailure) {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        for megabyte in 0..<(Self.fileBytes >> 20) {
            guard pwrite(file, zeros, zeros.count, off_t(megabyte << 20)) == zeros.count else {
                throw self.failure("cannot fill a file in \(self.directory)")
            }
        }
        guard fsync(file) == 0 else { throw self.failure("cannot flush in \(self.directory)") }
    }

    private func measure(_ group: Int, in file: Int32) throws(CommandFailure) -> BenchResult {
        let bytes = [UInt8](repeating: 0x61, count: group * self.size)
        var result = BenchResult(mode: "disk", seconds: 0, durability: "fdatasync")
        let began = Recorder.now
        let endAt = began + self.duration.duration / Self.groups.count
        var offset = 0
        var now = began
        repeat {
            if offset + bytes.count > Self.fileBytes { offset = 0 }
            guard pwrite(file, bytes, bytes.count, off_t(offset)) == bytes.count,
                fdatasync(file) == 0
            else { throw self.failure("cannot write in \(self.directory)") }
            offset += bytes.count
            let ended = Recorder.now
            result.latency.add(ended.since(now))
            result.messages += group
            now = ended
        } while now < endAt
        result.bytes = result.messages * self.size
        result.seconds = Double(now.since(began)) / 1e9
        return result
    }

    private func failure(_ what: String) -> CommandFailure {
        CommandFailure(
            .unavailable, what, because: SystemText.error(errno),
            try: "another --directory, on a disk with \(Self.fileBytes >> 20) MiB free")
    }

    private func report(_ results: [(group: Int, result: BenchResult)]) {
        if self.output.json {
            Terminal.print([
                "mode": "disk", "directory": .string(self.directory),
                "size": .integer(Int64(self.size)), "durability": "fdatasync",
                "results": .array(
                    results.map { group, result in
                        .object(
                            [JSONMember("recordsPerFlush", .integer(Int64(group)))]
                                + (result.json.members ?? []))
                    }),
            ])
        } else {
            var table = Table("RECORDS/FLUSH", "RECORDS/s", "MB/s", "FLUSH µs")
            for (group, result) in results {
                table.add(
                    "\(group)", "\(Int(result.messagesPerSecond))",
                    "\(Int(result.megabytesPerSecond))", BenchResult.text(result.latency))
            }
            Terminal.print(table.text)
        }
    }
}
