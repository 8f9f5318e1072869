import ClientCore
package import MessageFormat
import RemotingProtocol

// Half messages leave like every other; their outcome is said until it is confirmed.
extension ProducerEngine {
    /// A half message with this id is about to be sent. `endTransaction` or `leaveOpen` follows.
    package mutating func beginTransaction(_ id: String) { self.transactions.began(id) }

    package mutating func leaveOpen(_ id: String) { self.transactions.leftOpen(id) }

    /// The local work is done. The result follows as an effect.
    package mutating func endTransaction(
        _ end: EndTransaction, at brokerName: String, _ now: Tick
    ) {
        guard !self.isClosed else {
            self.transactions.leftOpen(end.messageID)
            self.effects.append(
                .transactionEnded(transactionID: end.messageID, .unconfirmed))
            return
        }
        self.transactions.decided(end, at: brokerName, now)
        self.routes.use(end.topic, at: now)
        self.advanceTransactions(at: now)
    }

    /// What a broker's question is answered with.
    package func knowledge(ofTransaction id: String) -> TransactionEnds.Knowledge {
        self.transactions.knowledge(of: id)
    }

    /// The user's checker has found out.
    package mutating func checked(_ id: String, _ verdict: TransactionVerdict) {
        self.transactions.noteVerdict(id, verdict)
    }

    mutating func advanceTransactions(at now: Tick) {
        let (calls, over) = self.transactions.advance(
            to: now, masters: self.masters, &self.tokens)
        for call in calls { self.effects.append(.call(call)) }
        for id in over {
            self.effects.append(.transactionEnded(transactionID: id, .unconfirmed))
        }
    }

    mutating func transactionEndAnswered(
        _ token: CallToken, _ result: CallResult, at now: Tick
    ) {
        guard let (id, ended) = self.transactions.answered(token, result, at: now) else { return }
        if let ended {
            self.effects.append(.transactionEnded(transactionID: id, ended))
        } else {
            self.routes.suspectAll(at: now)
        }
    }

    mutating func abandonTransactions() {
        for id in self.transactions.abandon() {
            self.effects.append(.transactionEnded(transactionID: id, .unconfirmed))
        }
    }
}
