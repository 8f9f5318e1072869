internal import MessageFormat
internal import RemotingProtocol
internal import Synchronization

/// Producers and consumers that keep going whatever happens to the cluster, and the final read.
///
/// The plan of a run: topic and group are made, consumers start, producers send until the count or
/// the time is reached, brokers get time to serve again and consumers to catch up, then every queue
/// is read from its first to its last message. All of it goes into the recorder.
package struct Workload: Sendable {
    package enum Phase: String, Sendable {
        case preparing, sending, settling, reading, finished
    }

    package let plan: WorkloadPlan
    package let access: ClusterAccess
    package let recorder: Recorder
    /// Hears when a new phase begins.
    package var onPhase: @Sendable (Phase) -> Void = { _ in }
    /// Ends the sending early; the rest of the run follows.
    package var isInterrupted: @Sendable () -> Bool = { false }

    package init(plan: WorkloadPlan, access: ClusterAccess, recorder: Recorder) {
        self.plan = plan
        self.access = access
        self.recorder = recorder
    }

    /// Runs to the end. Throws only if the cluster could not even be prepared.
    package func run() async throws(AccessError) {
        self.onPhase(.preparing)
        try await self.prepare()
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<self.plan.consumers {
                let consumer = self.consumer(index)
                tasks.addTask { await consumer.run() }
            }
            self.onPhase(.sending)
            await self.produce()
            self.onPhase(.settling)
            let deadline = Recorder.now + self.plan.settleTime
            await CatchUp(plan: self.plan, access: self.access, recorder: self.recorder)
                .wait(until: deadline)
            tasks.cancelAll()
        }
        self.onPhase(.reading)
        await Drain(
            topic: self.plan.topic, access: self.access, recorder: self.recorder,
            deadline: Recorder.now + self.plan.settleTime
        ).run()
        self.onPhase(.finished)
    }

    /// Makes the topic on every master, and the group with nothing before this run to read.
    private func prepare() async throws(AccessError) {
        let masters = try await self.access.masters()
        guard !masters.isEmpty else { throw .noMaster(topic: self.plan.topic) }
        let known = try? await self.access.route(of: self.plan.topic)
        if known == nil {
            let config = TopicConfig(
                name: self.plan.topic, readQueues: self.plan.queues, writeQueues: self.plan.queues)
            for master in masters { try await self.access.putTopic(config, at: master.address) }
        }
        let brokers = known == nil ? masters.count : 1
        let route = await self.access.awaitRoute(
            of: self.plan.topic, brokers: brokers, within: .seconds(10))
        guard let route else { throw .noRoute(topic: self.plan.topic) }
        for queue in route.readableQueues(of: self.plan.topic) where self.plan.consumers > 0 {
            let config = SubscriptionGroupConfig(name: self.plan.group)
            try await self.access.putGroup(config, at: queue.address)
            let end = try await self.access.maxOffset(of: queue)
            try await self.access.commit(end, of: self.plan.group, in: queue)
        }
    }

    private func produce() async {
        let routes = RouteBook(access: self.access, topic: self.plan.topic)
        let schedule = SendSchedule(plan: self.plan, startingAt: Recorder.now)
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<self.plan.producers {
                var producer = WorkloadProducer(
                    name: "\(self.plan.run)-p\(index)", plan: self.plan, access: self.access,
                    routes: routes, recorder: self.recorder, turn: index)
                let isInterrupted = self.isInterrupted
                tasks.addTask {
                    await producer.run { isInterrupted() ? nil : schedule.next(at: Recorder.now) }
                }
            }
        }
    }

    private func consumer(_ index: Int) -> WorkloadConsumer {
        WorkloadConsumer(
            member: Member(consumer: "\(self.plan.run)-c\(index)", group: self.plan.group),
            topic: self.plan.topic, nameServers: self.access.nameServers,
            recorder: self.recorder)
    }
}

/// Hands out the turns of sending to all producers: how many, until when, how fast.
final class SendSchedule: Sendable {
    private let messagesMax: Int
    private let endAt: Tick?
    private let interval: Duration
    private let state: Mutex<(count: Int, dueAt: Tick)>

    init(plan: WorkloadPlan, startingAt now: Tick) {
        self.messagesMax = plan.messagesMax ?? .max
        self.endAt = plan.duration.map { now + $0 }
        self.interval = plan.rate.map { .nanoseconds(Int64(1e9 / max($0, 1e-3))) } ?? .zero
        self.state = Mutex((count: 0, dueAt: now))
    }

    /// When the next message is due; nil when enough has been sent.
    func next(at now: Tick) -> Tick? {
        self.state.withLock { state in
            let due = state.dueAt
            guard state.count < self.messagesMax else { return nil }
            if let endAt = self.endAt, max(due, now) >= endAt { return nil }
            state.count += 1
            // What a fault has held up is not made up for in a burst.
            state.dueAt = max(due, now + .zero - self.interval) + self.interval
            return due
        }
    }
}

extension Tick {
    fileprivate static func - (tick: Tick, duration: Duration) -> Tick {
        Tick(nanoseconds: tick.nanoseconds - Tick(duration).nanoseconds)
    }
}
