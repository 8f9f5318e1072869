import DequeModule
package import MessageFormat
package import RemotingProtocol
import ReplicationCore
import ReplicationProtocol

/// Questions that a master answers from what a later master may have changed: they wait for a roll
/// call (`RollCall`).
struct Inquiries: Sendable {
    enum Question: Sendable {
        case request(ReceivedCommand, Caller)
        /// Its consumer would be sent elsewhere.
        case pull(PullJob)
    }

    struct Inquiry: Sendable {
        let question: Question
        let call: UInt64
        let since: Tick
    }

    static let countMax = 4_096
    /// A silent member has left the SyncStateSet by then. Shorter than clients wait.
    static let patience = Duration.seconds(2)
    static let controllersPause = Duration.milliseconds(200)

    private var waiting: Deque<Inquiry> = []

    var isEmpty: Bool { self.waiting.isEmpty }

    /// Returns false when there is no room.
    mutating func add(_ inquiry: Inquiry) -> Bool {
        guard self.waiting.count < Self.countMax else { return false }
        self.waiting.append(inquiry)
        return true
    }

    /// In the order in which they came.
    mutating func pop(where isReady: (Inquiry) -> Bool) -> Question? {
        guard let first = self.waiting.first, isReady(first) else { return nil }
        return self.waiting.removeFirst().question
    }
}

// "Offsets never rewind": who was deposed and has not heard of it says nothing of them.
extension BrokerEngine {
    /// Pulls below the confirm offset, and whatever is confirmed before it is answered, cannot be
    /// wrong, only late.
    static func mayBeOvertaken(_ command: ReceivedCommand) -> Bool {
        switch RequestCode(rawValue: command.code) {
        case .queryConsumerOffset, .getMaxOffset: true
        default: false
        }
    }

    /// Returns false when nobody else can be master: the answer needs nobody's word.
    mutating func inquire(_ question: Inquiries.Question) -> Bool {
        guard let electable = self.master?.replication.electable, !electable.isEmpty,
            let call = self.master?.rollCall.ask()
        else { return false }
        let inquiry = Inquiries.Inquiry(question: question, call: call, since: self.now.tick)
        if !self.inquiries.add(inquiry) { self.giveUp(question) }
        return true
    }

    mutating func callRoll() {
        guard let number = self.master?.rollCall.next(), let master = self.master else { return }
        for link in master.feeding {
            self.effects.append(
                .replicate(link, .rollCall(epoch: master.epoch, number: number)))
        }
    }

    /// A replica is called.
    mutating func heard(call number: UInt64, of epoch: Epoch, on link: LinkID) {
        guard let follower = self.follower, follower.stage == .following,
            follower.epoch == epoch
        else { return }
        self.effects.append(.replicate(link, .present(epoch: epoch, number: number)))
    }

    mutating func heard(present number: UInt64, in epoch: Epoch, on link: LinkID) {
        guard let master = self.master, epoch == master.epoch,
            let replica = master.feeds[link]?.brokerID,
            self.master?.rollCall.heard(replica, number) == true
        else {
            self.lostReplica(link)
            return self.end(link, .protocolViolation, "nobody was called so")
        }
        self.answerInquiries()
    }

    /// The controllers, asked by `askControllers`, have proved that this is how the group stands.
    package mutating func controllersSaid(_ view: GroupView, call: UInt64, at now: Now) {
        self.groupView(view, at: now)
        guard let master = self.master, view.masterEpoch == master.epoch else { return }
        self.master?.rollCall.granted(call)
        self.answerInquiries()
    }

    private mutating func answerInquiries() {
        guard let master = self.master else { return }
        let vouched = master.rollCall.vouched(by: master.replication.electable)
        while let question = self.inquiries.pop(where: { $0.call <= vouched }) {
            switch question {
            case .request(let command, let caller):
                self.serve(command, from: caller, isVouched: true)
            case .pull(var job):
                job.isVouched = true
                self.run(job)
            }
        }
    }

    /// Time has passed. Who came back meanwhile is called again; controllers may know more.
    mutating func tendInquiries() {
        self.answerInquiries()
        let latest = self.now.tick - Inquiries.patience
        while let question = self.inquiries.pop(where: { $0.since <= latest }) {
            self.giveUp(question)
        }
        guard let askedAt = self.master.map(\.controllersAskedAt), !self.inquiries.isEmpty,
            let call = self.master?.rollCall.ask()
        else { return }
        guard askedAt.map({ self.now.tick - $0 >= Inquiries.controllersPause }) ?? true else {
            return
        }
        self.master?.controllersAskedAt = self.now.tick
        self.effects.append(.askControllers(call: call))
    }

    /// This broker is not the master any more: the next one knows.
    mutating func passInquiriesOn() {
        while let question = self.inquiries.pop(where: { _ in true }) {
            if case .request(let command, let caller) = question, caller.language != .other,
                self.awaitMaster(command, caller)
            {
                continue
            }
            self.giveUp(question)
        }
    }

    /// A pull found nothing: its client asks again from the same offset. Others' clients of old
    /// versions take any refusal for "this group has no offset", and begin at the queue's end:
    /// they are not answered, and ask again after their time.
    private mutating func giveUp(_ question: Inquiries.Question) {
        switch question {
        case .pull(let job): self.answerPull(job, .pullNotFound, next: job.offset)
        case .request(let command, let caller):
            let isOffset = RequestCode(rawValue: command.code) == .queryConsumerOffset
            if isOffset, caller.language != .other { return }
            self.refuse(
                caller,
                Refusal(
                    .serviceNotAvailable,
                    "neither the replicas of \(self.settings.brokerName) nor its controllers say "
                        + "that this broker is the master still; ask again in a moment"))
        }
    }
}
