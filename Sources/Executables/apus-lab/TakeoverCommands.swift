import ApusClient
import ArgumentParser
import Chaos
import ClusterLab
import Glibc
import MessageFormat

extension Takeover.Way: ExpressibleByArgument {}

struct TakeoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover",
        abstract: "Kill and stop consumers that hold messages; time until others have them.",
        discussion: """
            Each blow meets a consumer process of its own, for push consumers and for those that \
            pop. Prints a table; exit code 0 only if every message was with the other consumer in \
            time.
            """)

    @Option(help: "Messages that the victim holds, unacknowledged.")
    var held = 1_000
    @OptionGroup var shape: ShapeOptions

    func validate() throws {
        guard (1...10_000).contains(self.held) else {
            throw ValidationError("--held is 1 to 10000, got \(self.held)")
        }
    }

    func run() throws {
        let options = try self.shape.options(
            name: "", portOffset: 0, groups: self.shape.groups ?? 1,
            controllers: self.shape.controllers ?? 0)
        let reports = try withCluster(nil, options, "takeover") { cluster in
            try Takeover.Way.allCases.flatMap { way in
                try Takeover.Fault.allCases.map { fault in
                    try Takeover(way, fault, held: self.held, on: cluster).run()
                }
            }
        } isGood: {
            $0.allSatisfy(\.isGood)
        }
        show(TakeoverReport.markdown(reports))
        if !reports.allSatisfy(\.isGood) { throw ExitCode(1) }
    }
}

/// A consumer that `takeover` starts: it prints `BODY TICK .` for each message, and `assigned N .`.
struct TakeoverMemberCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "takeover-member", abstract: "A consumer for takeover.", shouldDisplay: false)

    private static let concurrency = 20_000

    @Option(help: "Addresses of the name servers, separated by ';'.")
    var nameServer: String
    @Option(help: "The topic, and the group's name.")
    var topic: String
    @Option(help: "push or pop.")
    var way: Takeover.Way
    @Flag(help: "Never acknowledge.")
    var holds = false

    func run() async throws {
        let work = Task {
            switch self.way {
            case .push: await self.push()
            case .pop: try await self.pop()
            }
        }
        let parent = getppid()
        while !Interrupt.isRequested && getppid() == parent {
            try await Task.sleep(for: .milliseconds(50))
        }
        work.cancel()
        _ = await work.result
    }

    private var configuration: ApusClient.Configuration {
        ApusClient.Configuration(nameServers: self.nameServer)
    }

    private func push() async {
        var options = PushConsumer.Options()
        options.from = .first
        options.bufferedMessagesMax = Self.concurrency
        let consumer = PushConsumer(
            self.configuration, group: self.topic,
            subscriptions: [Subscription(topic: self.topic)], options: options)
        consumer.start()
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await self.tellAssigned(consumer) }
            for await delivery in consumer.messages {
                self.tell(delivery.message)
                if !self.holds { delivery.acknowledge() }
            }
        }
        await consumer.close()
    }

    private func tellAssigned(_ consumer: PushConsumer) async {
        var told: Int?
        while !Task.isCancelled {
            let count = consumer.assignedQueues.count { $0.topic == self.topic }
            if count != told { show("assigned \(count) .") }
            told = count
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func pop() async throws {
        var options = PopConsumer.Options()
        options.from = .first
        let consumer = PopConsumer(
            self.configuration, group: self.topic,
            subscriptions: [Subscription(topic: self.topic)], options: options)
        show("assigned 0 .")
        try await consumer.run(concurrency: self.holds ? Self.concurrency : 64) { message in
            self.tell(message)
            if self.holds { try await Task.sleep(for: .seconds(3_600)) }
        }
        await consumer.close()
    }

    private func tell(_ message: ReceivedMessage) {
        let body = String(decoding: message.body, as: UTF8.self)
        show("\(body) \(Recorder.now.nanoseconds) .")
    }
}
