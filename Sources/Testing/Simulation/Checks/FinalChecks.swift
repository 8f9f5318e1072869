import MessageFormat

/// What a run's history says about the cluster's final state.
struct FinalChecks {
    private let cluster: SimulatedCluster

    init(_ cluster: SimulatedCluster) { self.cluster = cluster }

    private var world: World { self.cluster.world }
    private var history: History { self.cluster.history }

    func run() {
        self.cluster.checks.checkEverything()
        let stored = self.stored()
        self.checkNothingSeenIsGone(stored)
        self.checkSends(stored)
    }

    /// Which value lies where, as the final reading found it.
    private func stored() -> [History.Place: UInt64] {
        var stored: [History.Place: UInt64] = [:]
        for (queue, values) in self.cluster.operatorHost.drained
        where queue.topic == self.cluster.plan.topic {
            for (offset, value) in values.enumerated() {
                let place = History.Place(
                    brokerName: queue.brokerName, queueID: queue.queueID, offset: Int64(offset))
                stored[place] = value
            }
        }
        return stored
    }

    private func isReadable(_ place: History.Place) -> Bool {
        !self.cluster.operatorHost.stuck.contains {
            $0.topic == self.cluster.plan.topic && $0.brokerName == place.brokerName
                && $0.queueID == place.queueID
        }
    }

    private func checkNothingSeenIsGone(_ stored: [History.Place: UInt64]) {
        for place in self.history.known.keys.sorted() where self.isReadable(place) {
            let value = self.history.known[place]
            guard stored[place] != value else { continue }
            self.world.violated(
                self.history.seen.contains(place) ? .seenMeansKept : .nothingAckedIsLost,
                "\(value ?? 0) lay at \(place), where now is "
                    + (stored[place].map(String.init) ?? "nothing"))
        }
    }

    private func checkSends(_ stored: [History.Place: UInt64]) {
        let present = Set(stored.values)
        for (value, send) in self.history.sends.sorted(by: { $0.key < $1.key }) {
            guard send.acknowledged.isEmpty else { continue }
            guard send.attempts == send.refused, present.contains(value) else { continue }
            self.world.violated(
                .refusedIsNotStored, "all \(send.attempts) attempts for \(value) were refused")
        }
    }
}
