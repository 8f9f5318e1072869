import BrokerEngine
import LogCore
import MessageFormat
import MetricsFormat
import RemotingProtocol
import Storage

// What RocketMQ has no name for.
extension WorkerFigures {
    var ownPage: MetricPage {
        var page = MetricPage()
        self.group(&page)
        self.log(&page)
        self.disk(&page)
        self.load(&page)
        return page
    }

    private func group(_ page: inout MetricPage) {
        let roles = ["alone", "master", "replica", "fenced"]
        page.add(
            .gauge, "apus_broker_role", "1 for the role that the broker has, 0 for the others.",
            roles.map {
                MetricSample($0 == self.engine.role.word ? 1 : 0, MetricLabel("role", $0))
            })
        page.gauge(
            "apus_ready", "1 when the broker can do its work, as /readyz says.",
            MetricSample(self.isReady ? 1 : 0))
        page.gauge(
            "apus_broker_drained", "1 while an operator wants it to lead nothing.",
            MetricSample(self.isDrained ? 1 : 0))
        guard self.engine.role != .alone else { return }
        page.gauge(
            "apus_master_epoch", "The newest epoch that the broker obeys.",
            MetricSample(Int64(self.engine.masterEpoch.value)))
        page.gauge(
            "apus_min_in_sync_replicas", "Copies without which nothing is acknowledged.",
            MetricSample(self.engine.minInSync))
        guard let inSync = self.engine.inSync else {
            return page.gauge(
                "apus_replica_following", "1 while this replica follows its master.",
                MetricSample(self.engine.isFollowing ? 1 : 0))
        }
        page.gauge(
            "apus_in_sync_replicas", "Brokers of the SyncStateSet that keep up, with the master.",
            MetricSample(inSync))
        page.add(
            .gauge, "apus_replica_lag_bytes", "Bytes of the master's log that a replica lacks.",
            self.engine.replicas.map {
                MetricSample(
                    $0.lagBytes, MetricLabel("broker_id", "\($0.brokerID)"),
                    MetricLabel("in_step", "\($0.isInStep)"))
            })
    }

    private func log(_ page: inout MetricPage) {
        let progress = self.engine.progress
        page.gauge(
            "apus_log_start_offset_bytes", "Where the log begins.",
            MetricSample(self.engine.logStart.bytes))
        page.gauge(
            "apus_log_end_offset_bytes", "Where the log ends, what is not written yet included.",
            MetricSample(self.engine.logEnd.bytes))
        page.gauge(
            "apus_durable_offset_bytes", "Before this everything is on stable storage here.",
            MetricSample(progress.durable.bytes))
        page.gauge(
            "apus_confirm_offset_bytes", "Before this everything may be acknowledged and read.",
            MetricSample(progress.confirmed.bytes))
        page.histogram(
            "apus_write_duration_seconds", "Time of one write of a batch.",
            MetricSample(.histogram(self.writer.write)))
        page.histogram(
            "apus_flush_duration_seconds", "Time of one flush.",
            MetricSample(.histogram(self.writer.flush)))
        page.histogram(
            "apus_batch_bytes", "Bytes that were written with one flush.",
            MetricSample(.histogram(self.writer.batchBytes)))
        page.histogram(
            "apus_batch_messages", "Messages that were handed to the writer together.",
            MetricSample(.histogram(self.engine.counters.messagesOfBatch)))
    }

    private func disk(_ page: inout MetricPage) {
        page.gauge(
            "apus_disk_full", "1 while writes wait for space.",
            MetricSample(self.isWaitingForSpace ? 1 : 0))
        guard let disk = self.writer.disk else { return }
        page.gauge(
            "apus_disk_free_bytes", "Bytes that the broker may still use.",
            MetricSample(disk.bytesFree))
        page.gauge(
            "apus_disk_size_bytes", "Bytes of the disk of the store.", MetricSample(disk.bytesTotal)
        )
        page.gauge(
            "apus_disk_used_ratio", "Share of the disk in use, as diskMaxUsedSpaceRatio counts it.",
            MetricSample(.number(disk.usedRatio)))
        if let seconds = self.writer.forecast.secondsUntilFull {
            page.gauge(
                "apus_disk_full_in_seconds",
                "When nothing is free at the pace of the last half hour; +Inf: never.",
                MetricSample(.number(seconds)))
        }
    }

    private func load(_ page: inout MetricPage) {
        page.add(
            .counter, "apus_refusals_total",
            "Requests that were refused, by the code of the answer.",
            self.engine.counters.refusals.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                MetricSample($0.value, MetricLabel("code", $0.key.name))
            })
        page.gauge(
            "apus_connections", "Connections of clients that are open.",
            MetricSample(self.connections))
        page.gauge(
            "apus_held_requests", "Pulls and pops that wait for messages.",
            MetricSample(self.engine.heldPulls, MetricLabel("kind", "pull")),
            MetricSample(self.engine.heldPops, MetricLabel("kind", "pop")))
        page.gauge("apus_queues", "Queues of all topics.", MetricSample(self.engine.queueCount))
        page.gauge(
            "apus_popped_messages", "Messages that were popped and are not acknowledged yet.",
            MetricSample(self.engine.poppedMessages))
    }
}

extension BrokerRole {
    fileprivate var word: String {
        switch self {
        case .alone: "alone"
        case .master: "master"
        case .replica: "replica"
        case .fenced: "fenced"
        }
    }
}
