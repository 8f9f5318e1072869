import Chaos
import MessageFormat
import RemotingProtocol

/// Reads all queues of a topic side by side, without being a member of anything.
struct TopicReader {
    private static let messagesPerPull = 32
    private static let pause: Duration = .milliseconds(200)

    let topic: String
    let tags: String
    let access: ClusterAccess
    let printer: MessagePrinter
    private var ends: [RoutedQueue: QueueOffset] = [:]
    private var next: [RoutedQueue: QueueOffset] = [:]

    init(topic: String, tags: String, access: ClusterAccess, printer: MessagePrinter) {
        self.topic = topic
        self.tags = tags
        self.access = access
        self.printer = printer
    }

    /// Reads up to what is there now; with `follow` until the user stops it.
    mutating func run(from start: StartPosition, follow: Bool) async throws(CommandFailure) {
        let what = "cannot read \(self.topic)"
        try await attempting(what) { () async throws(AccessError) in
            let route = try await self.access.route(of: self.topic)
            for queue in route.readableQueues(of: self.topic) {
                self.next[queue] = try await self.access.offset(in: queue, at: start)
                self.ends[queue] = try await self.access.maxOffset(of: queue)
            }
        }
        while !self.printer.isDone, !Interrupt.isRequested {
            let gotSome = follow ? await self.turn() : try await self.turnOrFail(what)
            if gotSome { continue }
            guard follow else { return }
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// One pull of each queue. While following, a broker that is down is waited for.
    private mutating func turn() async -> Bool {
        var gotSome = false
        for queue in self.next.keys.sorted(by: { $0.queue < $1.queue }) where !self.printer.isDone {
            let found = try? await self.pull(queue, upTo: nil)
            gotSome = gotSome || (found ?? false)
        }
        return gotSome
    }

    private mutating func turnOrFail(_ what: String) async throws(CommandFailure) -> Bool {
        var gotSome = false
        for (queue, end) in self.ends.sorted(by: { $0.key.queue < $1.key.queue })
        where !self.printer.isDone {
            let found = try await attempting(what) { () async throws(AccessError) in
                try await self.pull(queue, upTo: end)
            }
            gotSome = gotSome || found
        }
        return gotSome
    }

    private mutating func pull(
        _ queue: RoutedQueue, upTo end: QueueOffset?
    ) async throws(AccessError) -> Bool {
        let from = self.next[queue] ?? .zero
        if let end, from >= end { return false }
        let page = try await self.access.pull(
            queue, from: from, messagesMax: Self.messagesPerPull, tags: self.tags)
        for message in page.messages where end.map({ message.queueOffset < $0 }) ?? true {
            guard self.printer.print(message) else { return false }
        }
        self.next[queue] = page.next
        return page.next > from
    }
}
