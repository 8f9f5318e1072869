import ArgumentParser
import Chaos
import ClusterLab
import Glibc

/// Started by the demonstration, to be killed.
struct ExtraConsumerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extra-consumer", abstract: "One more consumer of a workload's group.",
        shouldDisplay: false)

    @Option(help: "Addresses of the name servers, separated by ';'.")
    var nameServer: String
    @Option(help: "The workload's history, which names the run and its group.")
    var workload: String
    @Option(help: "The history to write.")
    var history: String
    @Option(help: "The consumer's name in the histories.")
    var consumer: String

    func run() async throws {
        var watch = HistoryWatch(path: self.workload)
        try watch.refresh()
        guard let header = watch.header, let group = header.setting("group"),
            let topic = header.setting("topic")
        else { throw LabError.failed("\(self.workload) names no run, group and topic") }
        let writer = try HistoryWriter(path: self.history, header: header)
        let consumer = WorkloadConsumer(
            member: Member(consumer: self.consumer, group: group), topic: topic,
            nameServers: self.nameServer.split(separator: ";").map(String.init),
            recorder: Recorder(run: header.run, writer: writer))
        let work = Task { await consumer.run() }
        try await Self.waitForInterruptOrOrphanhood()
        work.cancel()
        await work.value
    }

    /// Whoever started this process is gone: nobody would ever end it.
    private static func waitForInterruptOrOrphanhood() async throws {
        let parent = getppid()
        while !Interrupt.isRequested && getppid() == parent {
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
