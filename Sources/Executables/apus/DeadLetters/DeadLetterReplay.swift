import ApusClient
import ArgumentParser
import Chaos
import MessageFormat
import RemotingProtocol

struct DeadLetterReplay: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Send a group's dead letters to the topic they came from.",
        discussion: """
            Each goes with its own keys, tag and properties, as if it had never been tried; all \
            groups of the topic get it. Its broker remembers it in the same write, so that no \
            letter is ever sent again twice: a replay that was interrupted is begun again.

            Examples:
              apus dlq replay billing --dry-run
              apus dlq replay billing --topic orders --error timeout --rate 50/s
            """)

    @Argument(help: "The group's name.")
    var group: String
    @OptionGroup var filters: DeadLetterOptions
    @Option(help: ArgumentHelp("At most so many, such as 50/s or 100/m.", valueName: "rate"))
    var rate: RateArgument?
    @Flag(help: "Only show which would be sent.")
    var dryRun = false
    @OptionGroup var progress: ProgressOptions
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func perform() async throws {
        let filter = try self.filters.filter()
        Interrupt.watch()
        let report = try await self.connection.withAdmin { admin in
            let tally = SendTally()
            let replayer = Replayer(
                admin: admin, pause: self.dryRun ? nil : self.rate?.pause, isDryRun: self.dryRun,
                tally: tally)
            let line = ProgressLine(self.progress) { "\(tally.sent) sent" }
            do throws(ApusClientError) {
                try await replayer.run(admin.deadLetters(ofGroup: self.group, matching: filter))
            } catch {
                await line.finish()
                throw CommandFailure(
                    "\(tally.sent) dead letters of \(self.group) were sent, then it failed",
                    error)
            }
            await line.finish()
            return replayer.report
        }
        self.tell(report)
        if report.failed > 0 { throw ExitCode(ExitStatus.negative.rawValue) }
    }

    private func tell(_ report: Replayer.Report) {
        if self.output.json {
            return Terminal.print([
                "group": .string(self.group), "dryRun": .bool(self.dryRun),
                "sent": .integer(Int64(report.sent)), "failed": .integer(Int64(report.failed)),
                "interrupted": .bool(report.wasInterrupted),
                "failures": .strings(report.failures),
            ])
        }
        let verb = self.dryRun ? "would be sent again" : "were sent again"
        Terminal.print("\(report.sent) dead letters of \(self.group) \(verb)")
        for failure in report.failures { Terminal.note("not sent: \(failure)") }
        if report.failed > report.failures.count {
            Terminal.note("\(report.failed - report.failures.count) more were not sent")
        }
        if report.wasInterrupted { Terminal.note("interrupted: run it again to go on") }
    }
}

/// Sends letters one after the other, no faster than wanted.
final class Replayer {
    struct Report {
        var sent = 0
        var failed = 0
        /// The first few, in words.
        var failures: [String] = []
        var wasInterrupted = false
    }

    private static let failuresToldMax = 10

    private let admin: Admin
    /// From one letter to the next.
    private let pause: Duration?
    private let isDryRun: Bool
    private let tally: SendTally
    private(set) var report = Report()

    init(admin: Admin, pause: Duration?, isDryRun: Bool, tally: SendTally) {
        self.admin = admin
        self.pause = pause
        self.isDryRun = isDryRun
        self.tally = tally
    }

    func run(_ letters: DeadLetters) async throws(ApusClientError) {
        var next = ContinuousClock.now
        for try await letter in letters {
            if let pause = self.pause {
                try? await Task.sleep(until: next)
                next = max(next, .now - pause) + pause
            }
            if Interrupt.isRequested {
                self.report.wasInterrupted = true
                return
            }
            try await self.send(letter)
        }
    }

    private func send(_ letter: DeadLetter) async throws(ApusClientError) {
        do throws(ApusClientError) {
            if !self.isDryRun { try await self.admin.replay(letter) }
            self.tally.count()
            self.report.sent += 1
        } catch {
            // A letter that has nowhere to go does not stop the others.
            guard [.topicNotFound, .notPermitted, .messageRefused, .notFound].contains(error.code)
            else { throw error }
            self.report.failed += 1
            if self.report.failures.count < Self.failuresToldMax {
                self.report.failures.append("\(letter.message.messageID): \(error.message)")
            }
        }
    }
}

/// `50/s`, `100/m`, or `50`: by the second.
struct RateArgument: ExpressibleByArgument, Hashable, Sendable {
    /// From one to the next.
    let pause: Duration

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let count = Int64(parts[0]), count > 0,
            count <= 1_000_000
        else { return nil }
        switch parts.count == 2 ? parts[1] : "s" {
        case "s": self.pause = .seconds(1) / Int(count)
        case "m": self.pause = .seconds(60) / Int(count)
        case "h": self.pause = .seconds(3600) / Int(count)
        default: return nil
        }
    }
}
