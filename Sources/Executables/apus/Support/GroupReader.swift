import ApusClient
import Chaos
import MessageFormat
import Synchronization

/// Prints messages as a member of a consumer group; what was printed is done for the group.
final class GroupReader: Sendable {
    /// Without following: nothing has come for so long, so there is nothing more.
    private static let idleMax: Duration = .seconds(3)
    /// The first message may have to wait for the group to share out its queues.
    private static let joinMax: Duration = .seconds(10)

    private let consumer: PushConsumer
    private let printer: MessagePrinter
    private let follow: Bool
    private let lastAt = Mutex(Recorder.now)

    init(
        _ configuration: ApusClient.Configuration, group: String, subscription: Subscription,
        from start: StartPosition, follow: Bool, printer: MessagePrinter
    ) {
        var options = PushConsumer.Options()
        options.from = ConsumeFrom(start)
        self.consumer = PushConsumer(
            configuration, group: group, subscriptions: [subscription], options: options)
        self.printer = printer
        self.follow = follow
    }

    /// Returns when there are enough messages, no more, or the user wants to stop.
    func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.read() }
            tasks.addTask { await self.watch() }
            await tasks.next()
            tasks.cancelAll()
        }
        await self.consumer.close()
    }

    private func read() async {
        for await delivery in self.consumer.messages {
            guard self.printer.print(FetchedMessage(delivery.message)) else { return }
            delivery.acknowledge()
            self.lastAt.withLock { $0 = Recorder.now }
            if self.printer.isDone { return }
        }
    }

    private func watch() async {
        while !Task.isCancelled, !Interrupt.isRequested {
            try? await Task.sleep(for: .milliseconds(50))
            let patience = self.printer.printed > 0 ? Self.idleMax : Self.joinMax
            let idle = Recorder.now.since(self.lastAt.withLock { $0 })
            if !self.follow, .nanoseconds(idle) > patience { return }
        }
    }
}

extension ConsumeFrom {
    fileprivate init(_ start: StartPosition) {
        switch start {
        case .first: self = .first
        case .last: self = .last
        case .time(let time): self = .timestamp(time.milliseconds)
        }
    }
}

extension FetchedMessage {
    /// The same message as a consumer hands it out.
    fileprivate init(_ message: ReceivedMessage) {
        var properties = MessageProperties()
        for (name, value) in message.properties.sorted(by: { $0.key < $1.key }) {
            properties[name] = value
        }
        self.init(
            position: QueuePosition(message.queue.queue, QueueOffset(message.queueOffset)),
            physicalOffset: PhysicalOffset(message.physicalOffset),
            systemFlag: message.bodyFlag,
            bornAt: Timestamp(milliseconds: message.bornTimestamp),
            storedAt: Timestamp(milliseconds: message.storeTimestamp),
            bornHost: HostAddress(text: message.bornHost),
            storeHost: HostAddress(text: message.storeHost),
            reconsumeTimes: Int32(clamping: message.reconsumeTimes), properties: properties,
            body: message.body, isBodyIntact: message.isBodyIntact)
    }
}

extension HostAddress {
    /// `unknown` for what is no IPv4 address and port.
    fileprivate init(text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Int32(text[text.index(after: colon)...]),
            let host = Self(ipv4: text[..<colon], port: port)
        else {
            self = .unknown
            return
        }
        self = host
    }
}
