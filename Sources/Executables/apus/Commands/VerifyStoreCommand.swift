import ArgumentParser
import Broker
import MessageFormat
import RemotingProtocol
import Storage

struct VerifyStoreCommand: ApusCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Read a stopped server's directory: what it holds, and is every byte sound?",
        discussion: """
            Reads every file of a broker's or a controller's directory with the code that the \
            server itself reads it with, and changes nothing. A directory in use is refused: stop \
            the server, or verify a copy. A write that a crash cut off at the log's end is no \
            damage: nobody had an acknowledgement for it.

            --acknowledged names a file of messages that must be there, one a line: TOPIC QUEUE \
            OFFSET, or the id that the producer gave it. --at-least says how many messages there \
            must be. What is missing is told like damage.

            Exits 0 if everything is sound, 1 if not, 2 if the directory cannot be read or is in use.

            Examples:
              apus verify store /disk1/broker-a-1
              apus verify store cluster/run/default/data/controller-1
              apus verify store --acknowledged acked.txt --json /mnt/after-the-power-cut
            """)

    @Argument(help: "The directory of a stopped broker or controller.")
    var directory: String
    @Option(help: "A file of messages that must be in the log; - is standard input.")
    var acknowledged: String?
    @Option(help: "Messages that the log must have at least.")
    var atLeast: Int?
    @OptionGroup var output: OutputOptions

    /// How the command ends when there is no verdict.
    private static let unreadable = ExitCode(2)

    func perform() async throws {
        let acknowledged = try self.acknowledgedMessages()
        let report: StoreReport
        do throws(StoreCheckFailure) {
            report = try StoreVerification.run(
                self.directory, acknowledged: acknowledged, messagesMin: self.atLeast)
        } catch {
            Terminal.note("error: cannot verify \(self.directory): \(error)")
            throw Self.unreadable
        }
        if self.output.json {
            Terminal.print(report.json)
        } else {
            Terminal.print(report.text)
        }
        guard report.isSound else { throw ExitCode(ExitStatus.negative.rawValue) }
    }

    private func acknowledgedMessages() throws(CommandFailure) -> AcknowledgedMessages {
        var messages = AcknowledgedMessages()
        guard let path = self.acknowledged else { return messages }
        var lines = try MessageLines(file: path == "-" ? nil : path)
        while let line = try lines.next() {
            let text = String(decoding: line, as: UTF8.self)
            guard messages.add(line: text[...]) else {
                throw CommandFailure(
                    .usage, "cannot use \(path)", because: "'\(text.prefix(80))' is no message",
                    try: "write TOPIC QUEUE OFFSET or a message's id, one a line")
            }
        }
        return messages
    }
}
