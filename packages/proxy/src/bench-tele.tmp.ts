import { Metrics } from './telemetry/metrics.ts';
import { toAccessLine } from './telemetry/access-line.ts';
import { Stories } from './telemetry/stories.ts';
import { pino, destination } from 'pino';
const m = new Metrics('x'); const s = new Stories(500);
const log = pino({ base: null }, destination({ dest: '/dev/null', sync: false, minLength: 4096 }));
const attempts=[{id:'a/0',backend:'LLMBackend/default/models',target:'openai/gpt',startMs:0.5,firstByteMs:2,endMs:3,status:200,endpoint:'127.0.0.1:9'}];
const llm={operation:'chat',format:'chat',requestModel:'smart',modelLabel:'smart',provider:'openai',upstreamModel:'gpt',responseModel:'gpt-x',isStreaming:false,usage:{inputTotal:10,outputTotal:20,source:'reported'},costNano:1234n,firstTokenMs:1,params:{max_tokens:5}};
const mk=(l:any):any=>({id:'x',placement:{bind:':3000',listener:'Gateway/default/default/http',gateway:'Gateway/default/default',route:'HTTPRoute/default/llm',rule:'0',matchedPrefix:undefined},head:{client:{address:'1.1.1.1',port:5},method:'POST',authority:'h',path:'/v1/chat/completions',httpVersion:'1.1',startEpochMs:1},llm:l,attempts,principal:undefined,trace:undefined,verdicts:[],notes:[],settlements:[],dialect:'json'});
const o:any={status:200,reason:undefined,message:undefined,durationMs:3.2,bodyBytes:1000};
for(const [name,l] of [['plain',undefined],['llm',llm]] as const){ const e=mk(l);
 for(const [what,f] of [['metrics',()=>m.record(e,{...o,reason:''})],['line',()=>toAccessLine(e,o)],['line+pino',()=>log.info(toAccessLine(e,o),'request')],['story',()=>s.add(e,o)]] as const){
  for(let i=0;i<20000;i++)f(); const t=process.cpuUsage(); for(let i=0;i<100000;i++)f(); const d=process.cpuUsage(t); console.log(name,what,((d.user+d.system)/100000).toFixed(2),'us'); } }
