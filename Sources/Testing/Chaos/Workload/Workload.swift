internal import MessageFormat
internal import RemotingProtocol

/// Producers and consumers that keep going whatever happens to the cluster, and the final read.
///
/// The plan of a run: topic and group are made, consumers start, producers send until the count or
/// the time is reached, brokers get time to serve again and consumers to catch up, then every queue
/// is read from its first to its last message. All of it goes into the recorder.
package struct Workload: Sendable {
    package enum Phase: String, Sendable {
        case preparing, sending, settling, reading, finished
    }

    private static let assignmentTime: Duration = .seconds(10)

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
        if let feature = self.plan.feature {
            return await FeatureWorkload(self, feature).run()
        }
        await withTaskGroup(of: Void.self) { tasks in
            let consumers = (0..<self.plan.consumers).map { self.consumer($0) }
            for consumer in consumers { tasks.addTask { await consumer.run() } }
            await self.awaitAssignment(among: consumers)
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

    /// Waits until the group has shared out its queues, so that its first messages do not move
    /// with them from one member to another.
    private func awaitAssignment(among consumers: [WorkloadConsumer]) async {
        let deadline = Recorder.now + Self.assignmentTime
        let route = try? await self.access.route(of: self.plan.topic)
        let queues = route?.readableQueues(of: self.plan.topic).count ?? 0
        while Recorder.now < deadline, !Task.isCancelled {
            // The group's retry topic, once it is there, is shared out as well.
            let shares = consumers.map { $0.assignedQueues.filter { $0.topic == self.plan.topic } }
            let assigned = Set(shares.joined())
            let isFair = shares.allSatisfy { !$0.isEmpty } || consumers.count > queues
            if assigned.count == queues, shares.joined().count == queues, isFair { return }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    private func produce() async {
        let routes = RouteBook(
            access: self.access, topic: self.plan.topic, producers: self.plan.producers)
        let schedule = SendSchedule(plan: self.plan, startingAt: Recorder.now)
        if self.plan.isIdempotent { return await self.produceNumbered(schedule) }
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<self.plan.producers {
                var producer = WorkloadProducer(
                    name: "\(self.plan.run)-p\(index)", plan: self.plan, access: self.access,
                    routes: routes, recorder: self.recorder, isInterrupted: self.isInterrupted,
                    turn: index)
                tasks.addTask { await producer.run { schedule.next(at: Recorder.now) } }
            }
        }
    }

    /// With the client library, which repeats by itself and numbers what it sends.
    private func produceNumbered(_ schedule: SendSchedule) async {
        await withTaskGroup(of: Void.self) { tasks in
            for index in 0..<self.plan.producers {
                let sender = FeatureSender(
                    plan: self.plan, nameServers: self.access.nameServers,
                    recorder: self.recorder, ledger: FeatureLedger())
                tasks.addTask {
                    await sender.sendAll(
                        as: "\(self.plan.run)-p\(index)", schedule, until: self.isInterrupted)
                    await sender.close()
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
