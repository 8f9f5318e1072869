internal import MessageFormat

/// Waits until a group has committed everything, and takes down how far it got.
struct CatchUp {
    private static let pause: Duration = .milliseconds(200)

    let plan: WorkloadPlan
    let access: ClusterAccess
    let recorder: Recorder

    func wait(until deadline: Tick) async {
        guard self.plan.consumers > 0 else { return }
        var open: [RoutedQueue]?
        repeat {
            if open == nil {
                open = try? await self.access.route(of: self.plan.topic)
                    .readableQueues(of: self.plan.topic)
            }
            for queue in open ?? [] where await self.isDone(queue) {
                open?.removeAll { $0 == queue }
            }
            if open?.isEmpty ?? false { break }
            try? await Task.sleep(for: Self.pause)
        } while Recorder.now < deadline && !Task.isCancelled
        await self.recordProgress()
    }

    private func isDone(_ queue: RoutedQueue) async -> Bool {
        guard let end = try? await self.access.maxOffset(of: queue),
            let committed = try? await self.access.committedOffset(
                of: self.plan.group, in: queue)
        else { return false }
        return committed >= end
    }

    private func recordProgress() async {
        let route = try? await self.access.route(of: self.plan.topic)
        for queue in route?.readableQueues(of: self.plan.topic) ?? [] {
            let committed = try? await self.access.committedOffset(
                of: self.plan.group, in: queue)
            guard let offset = committed ?? nil else { continue }
            self.recorder.record(
                .committed(
                    group: self.plan.group, QueuePosition(queue.queue, offset)))
        }
    }
}
